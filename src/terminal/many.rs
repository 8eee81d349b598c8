//! Of very many changes the first are told one by one, and the others by their number.

use std::collections::HashSet;

/// Which of many changes a person is told of.
pub struct Many {
    /// How many of one sort are told one by one.
    few: usize,
    sorts: Vec<Sort>,
    untold: HashSet<u64>,
}

/// What is done to objects of one kind.
struct Sort {
    verb: String,
    kind: String,
    all: usize,
}

impl Many {
    /// Tells so many of each sort one by one.
    pub fn new(few: usize) -> Many {
        Many { few, sorts: Vec::new(), untold: HashSet::new() }
    }

    /// Whether one more change, by its number in the record, is told by itself.
    pub fn tells(&mut self, change: u64, verb: &str, kind: &str) -> bool {
        let place = self.sorts.iter().position(|sort| sort.verb == verb && sort.kind == kind);
        let place = place.unwrap_or_else(|| {
            self.sorts.push(Sort { verb: verb.to_owned(), kind: kind.to_owned(), all: 0 });
            self.sorts.len() - 1
        });
        self.sorts[place].all += 1;
        let tells = self.sorts[place].all <= self.few;
        if !tells {
            self.untold.insert(change);
        }
        tells
    }

    /// Whether a change was told by itself.
    pub fn has_told(&self, change: u64) -> bool {
        !self.untold.contains(&change)
    }

    /// Those that were not told, sort by sort: what is done, and to how many objects. It begins anew.
    pub fn others(&mut self) -> Vec<(String, String)> {
        self.untold.clear();
        let others = self.sorts.drain(..).filter(|sort| sort.all > self.few);
        others
            .map(|sort| {
                let more = sort.all - self.few;
                let objects = if more == 1 { "object" } else { "objects" };
                (sort.verb, format!("{more} more {objects} of kind {}", sort.kind))
            })
            .collect()
    }

    /// How far the newest sort has come that is not told one by one any more.
    pub fn so_far(&self) -> Option<String> {
        let sort = self.sorts.iter().rev().find(|sort| sort.all > self.few)?;
        Some(format!("{} {}: {} so far", sort.verb, sort.kind, sort.all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_told_and_the_others_are_counted() {
        let mut many = Many::new(2);
        let told: Vec<bool> = (0..4).map(|change| many.tells(change, "create", "VirtualService")).collect();
        assert_eq!(told, [true, true, false, false]);
        assert!(many.tells(4, "create", "Namespace"), "of another kind");
        assert!(many.tells(5, "delete", "VirtualService"), "another verb");
        assert!(many.has_told(1) && !many.has_told(3) && many.has_told(4));
        assert_eq!(many.so_far().as_deref(), Some("create VirtualService: 4 so far"));
        assert_eq!(many.others(), [("create".to_owned(), "2 more objects of kind VirtualService".to_owned())]);
        assert!(many.others().is_empty() && many.has_told(3) && many.so_far().is_none(), "it begins anew");
        assert!(many.tells(6, "create", "VirtualService"));
    }
}
