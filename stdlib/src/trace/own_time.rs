//! Own time: what a span takes less what its children take, where children that overlap count once.

/// A span of time, from and to, in microseconds since 1970.
pub type Interval = (i64, i64);

/// The length that intervals cover together inside a frame: parts that several cover count once.
pub fn covered(frame: Interval, intervals: &[Interval]) -> i64 {
    let clipped = intervals.iter().map(|(from, to)| ((*from).max(frame.0), (*to).min(frame.1)));
    let mut inside: Vec<Interval> = clipped.filter(|(from, to)| from < to).collect();
    inside.sort_unstable();
    let (mut total, mut reached) = (0, frame.0);
    for (from, to) in inside {
        total += (to - from.max(reached)).max(0);
        reached = reached.max(to);
    }
    total
}

/// What is left of a frame when its children are taken out.
pub fn own(frame: Interval, children: &[Interval]) -> i64 {
    (frame.1 - frame.0).max(0) - covered(frame, children)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn children_that_overlap_count_once() {
        assert_eq!(own((0, 100), &[]), 100);
        assert_eq!(own((0, 100), &[(10, 30), (20, 40)]), 70);
        assert_eq!(own((0, 100), &[(10, 30), (15, 20), (50, 60)]), 70);
        // A child that outlasts its parent, as an asynchronous one does, takes only what lies inside.
        assert_eq!(own((0, 100), &[(90, 200), (-50, 10)]), 80);
        assert_eq!(own((0, 100), &[(0, 100), (0, 100)]), 0);
        assert_eq!(own((50, 50), &[(0, 100)]), 0);
    }

    proptest! {
        // Held against counting each microsecond by itself.
        #[test]
        fn it_is_what_counting_each_moment_gives(from in 0i64..50, length in 0i64..60, children in proptest::collection::vec((-10i64..110, 0i64..60), 0..8)) {
            let frame = (from, from + length);
            let children: Vec<Interval> = children.into_iter().map(|(from, length)| (from, from + length)).collect();
            let free = (frame.0..frame.1).filter(|at| !children.iter().any(|(from, to)| from <= at && at < to)).count();
            prop_assert_eq!(own(frame, &children), i64::try_from(free).unwrap_or(-1));
        }

        #[test]
        fn it_is_never_less_than_nothing_nor_more_than_all(frame in (0i64..1000, 0i64..1000), children in proptest::collection::vec((any::<i32>(), any::<i32>()), 0..20)) {
            let children: Vec<Interval> = children.into_iter().map(|(a, b)| (i64::from(a), i64::from(b))).collect();
            let own = own(frame, &children);
            prop_assert!(own >= 0 && own <= (frame.1 - frame.0).max(0));
        }
    }
}
