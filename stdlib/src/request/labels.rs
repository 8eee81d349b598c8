//! The labels of a throw-away pod: those of the workload's own pods, less as many as it takes that nothing selects it
//! that would send it traffic or count it among its own.

use std::collections::BTreeMap;

use crate::proxy::pod::selects;

/// Labels by which pods are selected, or by which they are known.
pub type Labels = BTreeMap<String, String>;

/// By these the mesh knows a workload: `Sidecar`, `EnvoyFilter`, `sourceLabels` and telemetry. They go last.
const KNOWN_BY: [&str; 6] = [
    "app",
    "app.kubernetes.io/name",
    "service.istio.io/canonical-name",
    "version",
    "app.kubernetes.io/version",
    "service.istio.io/canonical-revision",
];

/// The labels that are left, and the keys of those that are not. Of each selector that fits, one label is left out, so
/// that no more is lost than has to be; an empty selector selects nothing here.
pub fn unselected(labels: &Labels, selectors: &[Labels]) -> (Labels, Vec<String>) {
    let mut left = labels.clone();
    let mut without = Vec::new();
    let mut selectors: Vec<&Labels> = selectors.iter().filter(|selector| !selector.is_empty()).collect();
    // One label fewer may settle several selectors: those with no choice come first.
    selectors.sort_by_key(|selector| selector.len());
    for selector in selectors {
        if !selects(selector, &left) {
            continue;
        }
        let rank = |key: &str| KNOWN_BY.iter().rev().position(|known| *known == key).map_or(0, |place| place + 1);
        let key = selector.keys().min_by_key(|key| rank(key)).expect("no selector is empty here");
        left.remove(key);
        without.push(key.clone());
    }
    without.sort();
    (left, without)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn no_more_is_lost_than_has_to_be() {
        let own = labels(&[("app", "front"), ("tier", "web"), ("version", "v1")]);
        let by = |selectors: &[&[(&str, &str)]]| {
            unselected(&own, &selectors.iter().map(|pairs| labels(pairs)).collect::<Vec<_>>()).1
        };
        assert!(by(&[]).is_empty() && by(&[&[]]).is_empty() && by(&[&[("app", "other")]]).is_empty());
        assert_eq!(by(&[&[("app", "front")]]), ["app"]);
        assert_eq!(by(&[&[("app", "front"), ("tier", "web")]]), ["tier"], "the mesh does not know it by that");
        assert_eq!(by(&[&[("app", "front"), ("version", "v1")]]), ["version"]);
        assert_eq!(by(&[&[("app", "front"), ("tier", "web")], &[("app", "front")]]), ["app"], "one for both");
    }

    fn some() -> impl Strategy<Value = Labels> {
        proptest::collection::btree_map("[abc]|app|version", "[xy]", 0..5)
    }

    proptest! {
        #[test]
        fn nothing_selects_what_is_left(own in some(), selectors in proptest::collection::vec(some(), 0..5)) {
            let (left, without) = unselected(&own, &selectors);
            prop_assert!(!selectors.iter().any(|selector| !selector.is_empty() && selects(selector, &left)));
            for (key, value) in &own {
                prop_assert_eq!(left.get(key), (!without.contains(key)).then_some(value));
            }
            prop_assert_eq!(left.len() + without.len(), own.len());
        }
    }
}
