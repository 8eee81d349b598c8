//! An ingress gateway, of either kind: the Deployment and Service of Istio's chart `gateway`, or a Gateway of the Gateway
//! API, for which istiod makes them. Item by item: what is there of it, and whether it serves.

pub mod gather;
pub mod listeners;

use std::sync::Arc;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use crate::checklist::{self, Item, State};
use crate::text::and;

/// The items, by the words that scripts use.
pub const ITEMS: [&str; 5] = ["rollout", "autoscaler", "address", "proxies", "listeners"];

/// Which of the two ways a gateway was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// By Istio's chart `gateway`.
    Chart,
    /// By a Gateway of the Gateway API.
    Api,
}

/// A gateway, as it was when it was asked for.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `istio-ingressgateway.istio-system`.
    name: String,
    sort: Sort,
    work: Option<ObjectRef>,
    items: Vec<Item>,
}

impl Gateway {
    fn new(name: String, sort: Sort, work: Option<ObjectRef>, items: Vec<Item>) -> Self {
        Gateway(Arc::new(Inner { name, sort, work, items }))
    }

    /// Whether an item is not there, or cannot be told.
    ///
    /// # Errors
    /// `NO_DATA` if there is no such item.
    pub fn lacks(&self, what: &str) -> Result<bool, Failure> {
        Ok(self.item(what)?.state != State::There)
    }

    /// What was seen of an item.
    ///
    /// # Errors
    /// As [`Gateway::lacks`].
    pub fn seen(&self, what: &str) -> Result<&str, Failure> {
        Ok(&self.item(what)?.seen)
    }

    fn item(&self, what: &str) -> Result<&Item, Failure> {
        self.0.items.iter().find(|item| item.what == what).ok_or_else(|| {
            Failure::new(&NO_DATA, format!("a gateway has no item `{}`", crate::text::first_line(what)))
                .hint(format!("it has {}", and(&ITEMS.map(str::to_owned))))
        })
    }

    /// Its Deployment.
    ///
    /// # Errors
    /// `NO_DATA` if there is none.
    pub fn work(&self) -> Result<&ObjectRef, Failure> {
        self.0.work.as_ref().ok_or_else(|| {
            Failure::new(&NO_DATA, format!("gateway {} has no Deployment", self.0.name))
                .hint("`meshbook run installation/gateways` makes what is missing")
        })
    }
}

impl Noun for Gateway {
    const NAME: &'static str = "Gateway";
    const DOC: &'static str = "An ingress gateway as it was when it was asked for, of Istio's chart or of the Gateway API, item by item: rollout, autoscaler, address, proxies, listeners.";

    fn text(&self) -> String {
        let lacking = |item: &&Item| item.state != State::There;
        let lacking: Vec<String> =
            self.0.items.iter().filter(lacking).map(|item| format!("{} ({})", item.what, item.seen)).collect();
        if lacking.is_empty() {
            format!("gateway {} serves", self.0.name)
        } else {
            format!("gateway {} lacks: {}", self.0.name, and(&lacking))
        }
    }

    fn table(&self) -> Table {
        let sort = match self.0.sort {
            Sort::Chart if self.0.work.is_none() => {
                "for which there is no Deployment, and no Gateway of the Gateway API"
            }
            Sort::Chart => "as Istio's chart makes it",
            Sort::Api => "a Gateway of the Gateway API",
        };
        checklist::table(format!("gateway {}, {sort}", self.0.name), &self.0.items)
    }

    fn json(&self) -> Value {
        let items = checklist::json(&self.0.items);
        json!({ "gateway": self.0.name, "of_gateway_api": self.0.sort == Sort::Api, "items": items })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_said_with_what_was_seen() {
        let item = |what, state, seen: &str| Item { what, state, seen: seen.to_owned() };
        let items = vec![item("rollout", State::There, "2 of 2"), item("address", State::Lacking, "none yet")];
        let gateway = Gateway::new("in.summit".into(), Sort::Chart, None, items);
        assert_eq!(gateway.text(), "gateway in.summit lacks: address (none yet)");
        assert!(gateway.lacks("address").is_ok_and(|lacks| lacks) && gateway.lacks("rollout").is_ok_and(|l| !l));
        assert!(gateway.lacks("luck").is_err_and(|failure| failure.is(&NO_DATA)) && gateway.work().is_err());
    }
}
