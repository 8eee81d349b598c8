//! Who may do what: users by bearer token, an administrator, a viewer, service accounts without rights.

use std::collections::HashMap;
use std::sync::Mutex;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::faults::Denied;
use super::request::Target;
use super::status::Failure;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    Admin,
    /// Read everything but Secrets, and forward ports, which reading a proxy's pages needs.
    Viewer,
    /// Nothing but ask who it is and what it may do.
    Nothing,
}

/// Somebody who was recognised.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
    pub(crate) role: Role,
}

/// A question of authorisation, in the words of a SubjectAccessReview.
#[derive(Clone, Debug, Default)]
pub(crate) struct Action {
    pub(crate) verb: String,
    pub(crate) group: String,
    /// With the subresource: `pods/log`.
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Action {
    pub(crate) fn of(target: &Target, verb: &str) -> Action {
        let resource = match target.subresource() {
            "" => target.kind.plural.clone(),
            sub => format!("{}/{sub}", target.kind.plural),
        };
        let name =
            if target.kind.plural == "namespaces" && target.namespace.is_none() { "" } else { target.namespace() };
        Action {
            verb: verb.to_owned(),
            group: target.kind.group.clone(),
            resource,
            namespace: name.to_owned(),
            name: target.name().to_owned(),
        }
    }
}

/// Users by their tokens.
pub(crate) struct Users {
    by_token: Mutex<HashMap<String, User>>,
}

impl Users {
    pub(crate) fn new(admin_token: &str, viewer_token: &str) -> Users {
        let authenticated = "system:authenticated".to_owned();
        let admin = User {
            name: "admin".into(),
            groups: vec!["system:masters".into(), authenticated.clone()],
            role: Role::Admin,
        };
        let viewer = User { name: "viewer".into(), groups: vec![authenticated], role: Role::Viewer };
        let by_token = HashMap::from([(admin_token.to_owned(), admin), (viewer_token.to_owned(), viewer)]);
        Users { by_token: Mutex::new(by_token) }
    }

    /// Whose token the request carries.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<User, Failure> {
        let header = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
        self.by_token(header.strip_prefix("Bearer ").unwrap_or_default()).ok_or_else(Failure::unauthorized)
    }

    pub(crate) fn by_token(&self, token: &str) -> Option<User> {
        self.by_token.lock().expect("no holder of the users panics").get(token).cloned()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<User> {
        self.by_token.lock().expect("no holder of the users panics").values().find(|u| u.name == name).cloned()
    }

    /// Makes the owner of a token known by another, and by the old one no more.
    pub(crate) fn rename_token(&self, old: &str, new: &str) {
        let mut by_token = self.by_token.lock().expect("no holder of the users panics");
        if let Some(user) = by_token.remove(old) {
            by_token.insert(new.to_owned(), user);
        }
    }

    /// Remembers a service account's new token.
    pub(crate) fn add_service_account(&self, token: &str, namespace: &str, name: &str) {
        let user = User {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".into(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".into(),
            ],
            role: Role::Nothing,
        };
        self.by_token.lock().expect("no holder of the users panics").insert(token.to_owned(), user);
    }
}

/// Whether the user may do it, faults considered.
pub(crate) fn allowed(user: &User, action: &Action, denied: &[Denied]) -> bool {
    if denied.iter().any(|rule| matches(rule, action)) {
        return false;
    }
    let asks_about_self = action.verb == "create"
        && matches!(
            (action.group.as_str(), action.resource.as_str()),
            ("authorization.k8s.io", "selfsubjectaccessreviews" | "selfsubjectrulesreviews")
                | ("authentication.k8s.io", "selfsubjectreviews")
        );
    match user.role {
        Role::Admin => true,
        _ if asks_about_self => true,
        Role::Viewer => {
            let reads = matches!(action.verb.as_str(), "get" | "list" | "watch");
            let resource = action.resource.as_str();
            let secret = action.group.is_empty() && (resource == "secrets" || resource == "*");
            let acts = matches!(resource, "pods/exec" | "pods/proxy");
            reads && !secret && !acts
                || action.group.is_empty() && resource == "pods/portforward" && action.verb == "create"
        }
        Role::Nothing => false,
    }
}

fn matches(rule: &Denied, action: &Action) -> bool {
    let fits = |pattern: &str, value: &str| pattern == "*" || pattern == value;
    fits(&rule.verb, &action.verb)
        && fits(&rule.group, &action.group)
        && fits(&rule.resource, &action.resource)
        && rule.namespace.as_deref().is_none_or(|n| n.is_empty() || n == action.namespace)
}

/// The 403 of a request, in the words of a real server.
pub(crate) fn forbidden(user: &User, target: &Target, action: &Action) -> Failure {
    let subject = if action.name.is_empty() {
        target.kind.qualified_plural()
    } else {
        format!("{} {:?}", target.kind.qualified_plural(), action.name)
    };
    let place = if action.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", action.namespace)
    };
    let message = format!(
        "{subject} is forbidden: User {:?} cannot {} resource {:?} in API group {:?} {place}",
        user.name, action.verb, action.resource, action.group
    );
    Failure::forbidden(&target.kind, &action.name, message)
}

/// What a user may do, as a SelfSubjectRulesReview lists it.
pub(crate) fn rules(user: &User) -> (Value, Value) {
    let everything = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]});
    let own = json!({
        "verbs": ["create"],
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    });
    let whoami =
        json!({"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]});
    let read = json!(["get", "list", "watch"]);
    let core = [
        "configmaps",
        "endpoints",
        "events",
        "namespaces",
        "nodes",
        "pods",
        "pods/log",
        "pods/status",
        "serviceaccounts",
        "services",
    ];
    let groups: Vec<Value> = crate::crd::Catalog::get()
        .groups()
        .into_iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, _)| group.into())
        .collect();
    let resources = match user.role {
        Role::Admin => json!([everything]),
        Role::Viewer => json!([
            own,
            whoami,
            {"verbs": read, "apiGroups": [""], "resources": core},
            {"verbs": ["create", "get"], "apiGroups": [""], "resources": ["pods/portforward"]},
            {"verbs": read, "apiGroups": groups, "resources": ["*"]},
        ]),
        Role::Nothing => json!([own, whoami]),
    };
    let paths = json!([{
        "verbs": ["get"],
        "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version"],
    }]);
    let paths = if user.role == Role::Admin { json!([{"verbs": ["*"], "nonResourceURLs": ["*"]}]) } else { paths };
    (resources, paths)
}
