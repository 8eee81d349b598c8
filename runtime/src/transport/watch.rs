//! Following the names of objects, for whoever types: a list of their metadata, then a watch from where the list ended.
//!
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>. Only `PartialObjectMetadata`
//! is asked for, and of that only names are kept: ten thousand pods take less than a megabyte.

use std::convert::Infallible;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use http::{Request, StatusCode, header};
use kube::core::WatchEvent;
use serde::Deserialize;

use super::kubernetes::{Query, collection};
use super::server::{Question, Refused, Server};
use super::status::{self, Asked, excerpt};
use crate::effect::ResourceKind;
use crate::failure::{BAD_ANSWER, Failure, UNREACHABLE};

/// Objects in one page of the list.
const PAGE: usize = 500;
/// How long the server keeps one watch open. A server that is gone without a word is missed soon after.
const LIFE: Duration = Duration::from_secs(30);
/// How much later than that the end of a watch may come.
const GRACE: Duration = Duration::from_secs(5);
/// A watch that ends sooner is not asked for again at once.
const SHORTEST: Duration = Duration::from_secs(1);

const LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const EACH: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// The name of an object. Ordered by namespace, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    /// Its namespace; empty for objects of the cluster.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

/// What is seen of objects that are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A page of a list of all that are there.
    There(Vec<ObjectName>),
    /// The list is at its end: what it did not tell is not there.
    All,
    /// This one is there too.
    Came(ObjectName),
    /// This one is gone.
    Gone(ObjectName),
    /// The server answers, and nothing has changed.
    Nothing,
}

/// Follows until it no longer can, and answers why.
pub(super) async fn follow(
    server: &Server,
    kind: &ResourceKind,
    namespace: Option<&str>,
    tell: &(dyn Fn(Seen) + Send + Sync),
) -> Failure {
    match go_on(server, kind, namespace, tell).await {
        Ok(never) => match never {},
        Err(failure) => failure,
    }
}

async fn go_on(
    server: &Server,
    kind: &ResourceKind,
    namespace: Option<&str>,
    tell: &(dyn Fn(Seen) + Send + Sync),
) -> Result<Infallible, Failure> {
    let path = collection(kind, namespace);
    let place = namespace.map_or("all namespaces".to_owned(), |name| format!("namespace {name}"));
    let asked = |verb| Asked::to(verb, format!("{} in {place}", kind.plural));
    let mut version = list(server, &path, &asked("list"), tell).await?;
    loop {
        let begun = Instant::now();
        match watch(server, &path, &asked("watch"), version, tell).await? {
            Some(newer) => version = newer,
            // The server no longer knows what has changed since.
            None => version = list(server, &path, &asked("list"), tell).await?,
        }
        if begun.elapsed() < SHORTEST {
            tokio::time::sleep(SHORTEST).await;
        }
    }
}

#[derive(Deserialize)]
struct Page {
    metadata: PageMetadata,
    items: Vec<Partial>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PageMetadata {
    #[serde(rename = "continue")]
    more: String,
    resource_version: String,
}

#[derive(Clone, Deserialize)]
struct Partial {
    metadata: Metadata,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: Box<str>,
    namespace: Box<str>,
    resource_version: String,
}

impl From<Partial> for ObjectName {
    fn from(partial: Partial) -> ObjectName {
        ObjectName { namespace: partial.metadata.namespace, name: partial.metadata.name }
    }
}

/// Tells all that are there, page by page; answers the version from which to watch.
async fn list(
    server: &Server,
    path: &str,
    asked: &Asked,
    tell: &(dyn Fn(Seen) + Send + Sync),
) -> Result<String, Failure> {
    let mut more = String::new();
    loop {
        let mut query = Query::default();
        query.add("limit", Some(&PAGE.to_string()));
        query.add("continue", Some(more.as_str()).filter(|more| !more.is_empty()));
        let question = Question::get(format!("{path}{query}"), asked.clone());
        // Whoever follows tries again later, by a clock that moves no lab's time.
        let question = Question { accept: LIST, repeatable: false, ..question };
        let body = match server.ask(&question).await {
            Ok(body) => body,
            // The pages expired while they were read. What was told is right, and the list begins again.
            Err(Refused { status: Some(StatusCode::GONE), .. }) if !more.is_empty() => {
                more.clear();
                continue;
            }
            Err(refused) => return Err(refused.failure),
        };
        let page: Page = serde_json::from_slice(&body).map_err(|error| {
            Failure::new(
                &BAD_ANSWER,
                format!(
                    "cannot {} {}: {} answered with something that is not a list ({error}): {}",
                    asked.verb,
                    asked.target,
                    server.address(),
                    excerpt(&body)
                ),
            )
        })?;
        tell(Seen::There(page.items.into_iter().map(ObjectName::from).collect()));
        if page.metadata.more.is_empty() {
            tell(Seen::All);
            return Ok(page.metadata.resource_version);
        }
        more = page.metadata.more;
    }
}

/// Tells what changes until the server ends the watch; answers the version from which to go on, `None` if it is too old.
async fn watch(
    server: &Server,
    path: &str,
    asked: &Asked,
    from: String,
    tell: &(dyn Fn(Seen) + Send + Sync),
) -> Result<Option<String>, Failure> {
    let mut query = Query::default();
    query.add("watch", Some("true"));
    query.add("allowWatchBookmarks", Some("true"));
    query.add("timeoutSeconds", Some(&LIFE.as_secs().to_string()));
    query.add("resourceVersion", Some(&from));
    let request = Request::get(format!("{path}{query}")).header(header::ACCEPT, EACH).body(Vec::new());
    let request = request.expect("a path of encoded segments and a constant header are a request");
    let lost = |error: kube::Error| match error {
        kube::Error::Api(status) => {
            let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut said = serde_json::to_value(&status).unwrap_or_default();
            said["kind"] = "Status".into();
            status::failure(code, said.to_string().as_bytes(), asked, server.address())
        }
        error => server.unanswered(asked, &error).failure,
    };
    let silent = |_| Failure::new(&UNREACHABLE, format!("{} no longer answers", server.address()));
    let limit = LIFE + GRACE;
    let client = server.login().client;
    let opened = tokio::time::timeout(limit, client.request_events::<Partial>(request)).await.map_err(silent)?;
    let mut events = pin!(match opened {
        Err(kube::Error::Api(status)) if status.code == StatusCode::GONE.as_u16() => return Ok(None),
        opened => opened.map_err(lost)?,
    });
    tell(Seen::Nothing);
    let mut version = from;
    while let Some(event) = tokio::time::timeout(limit, events.try_next()).await.map_err(silent)?.map_err(lost)? {
        match event {
            WatchEvent::Added(one) => {
                version.clone_from(&one.metadata.resource_version);
                tell(Seen::Came(one.into()));
            }
            WatchEvent::Modified(one) => {
                version = one.metadata.resource_version;
                tell(Seen::Nothing);
            }
            WatchEvent::Deleted(one) => {
                version.clone_from(&one.metadata.resource_version);
                tell(Seen::Gone(one.into()));
            }
            WatchEvent::Bookmark(mark) => {
                version = mark.metadata.resource_version;
                tell(Seen::Nothing);
            }
            WatchEvent::Error(status) if status.code == StatusCode::GONE.as_u16() => return Ok(None),
            WatchEvent::Error(status) => return Err(lost(kube::Error::Api(status))),
        }
    }
    Ok(Some(version))
}
