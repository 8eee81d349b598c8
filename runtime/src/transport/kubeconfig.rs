//! Which cluster: kubeconfig files, their merging, the context, and the service account inside a cluster.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use kube::config::{ExecInteractiveMode, InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::failure::{CONFIG, Failure, UNAUTHORIZED, nearest};

/// The name of the context inside a cluster, where there is no kubeconfig.
pub(super) const IN_CLUSTER: &str = "in-cluster";

/// What the process' environment says about the cluster. Tests make their own.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `$KUBECONFIG`.
    pub kubeconfig: Option<OsString>,
    /// The home directory.
    pub home: Option<PathBuf>,
    /// Whether `$KUBERNETES_SERVICE_HOST` is set, as it is in every pod.
    pub in_cluster: bool,
    /// Whether somebody sits at a terminal, whom a credential plugin may ask.
    pub terminal: bool,
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        Environment {
            kubeconfig: std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()),
            home: std::env::home_dir(),
            in_cluster: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
            terminal: std::io::IsTerminal::is_terminal(&std::io::stdin()),
        }
    }
}

/// A cluster that was chosen: the context's name, and how to reach it.
#[derive(Debug)]
pub struct Chosen {
    /// The context's name.
    pub context: String,
    /// Its server, credentials and namespace. Nothing was sent, and no credential plugin has run.
    pub config: kube::Config,
}

/// Where a kubeconfig may come from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Its text.
    Text(&'a str),
    /// This file and no other.
    File(&'a Path),
    /// `$KUBECONFIG`, else `~/.kube/config`, else the pod's service account.
    Found,
}

/// Chooses the cluster. Files that the kubeconfig names are read; nothing is sent, and no credential plugin runs.
///
/// # Errors
/// `CONFIG` if the kubeconfig or the context cannot be used, `UNAUTHORIZED` if its credential plugin needs a terminal
/// and there is none.
pub async fn choose(source: Source<'_>, context: Option<&str>, environment: &Environment) -> Result<Chosen, Failure> {
    let (kubeconfig, place) = match source {
        Source::Text(text) => {
            (Kubeconfig::from_yaml(text).map_err(|error| unusable(&error))?, "the kubeconfig".to_owned())
        }
        Source::File(path) => {
            (Kubeconfig::read_from(path).map_err(|error| unusable(&error))?, path.display().to_string())
        }
        Source::Found => match find(environment)? {
            Some(found) => found,
            None if environment.in_cluster && context.is_none_or(|name| name == IN_CLUSTER) => return in_cluster(),
            None => {
                let looked =
                    places(environment).iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
                return Err(Failure::new(&CONFIG, format!("there is no kubeconfig (looked for {looked})"))
                    .hint("name one with `--kubeconfig` or in $KUBECONFIG, or use the embedded mesh: `--lab WORLD`"));
            }
        },
    };
    from(kubeconfig, &place, context, environment).await
}

/// Merges the files that exist, in the order in which kubectl does; like kubectl, absent ones are passed over.
fn find(environment: &Environment) -> Result<Option<(Kubeconfig, String)>, Failure> {
    let mut merged = None;
    let mut names = Vec::new();
    for path in places(environment) {
        let next = match Kubeconfig::read_from(&path) {
            Ok(next) => next,
            Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unusable(&error)),
        };
        names.push(path.display().to_string());
        merged = Some(match merged {
            None => next,
            Some(merged) => Kubeconfig::merge(merged, next).map_err(|error| unusable(&error))?,
        });
    }
    Ok(merged.map(|merged| (merged, names.join(", "))))
}

fn places(environment: &Environment) -> Vec<PathBuf> {
    match &environment.kubeconfig {
        Some(list) => std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => environment.home.iter().map(|home| home.join(".kube").join("config")).collect(),
    }
}

fn in_cluster() -> Result<Chosen, Failure> {
    let mut config = kube::Config::incluster().map_err(|error| {
        let why = match error {
            InClusterError::ReadEnvironmentVariable(_) => {
                "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT have to be set".to_owned()
            }
            InClusterError::ReadDefaultNamespace(error) => format!("its file `namespace` cannot be read: {error}"),
            InClusterError::ReadCertificateBundle(error) => format!("its file `ca.crt` cannot be read: {error}"),
            other => super::unanswered::root(&other),
        };
        Failure::new(&CONFIG, format!("the service account of this pod cannot be used: {why}"))
            .hint("let Kubernetes mount it (`automountServiceAccountToken`), or name a kubeconfig with `--kubeconfig`")
    })?;
    config.default_namespace = config.default_namespace.trim().to_owned();
    Ok(Chosen { context: IN_CLUSTER.into(), config })
}

async fn from(
    mut kubeconfig: Kubeconfig,
    place: &str,
    context: Option<&str>,
    environment: &Environment,
) -> Result<Chosen, Failure> {
    let names: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let listed = if names.is_empty() {
        format!("{place} has no contexts")
    } else {
        format!("the contexts are: {}", names.join(", "))
    };
    let wanted =
        context.map(str::to_owned).or_else(|| kubeconfig.current_context.clone().filter(|name| !name.is_empty()));
    let Some(context) = wanted else {
        return Err(Failure::new(&CONFIG, format!("{place} has no current context"))
            .hint(format!("choose one with `--context`; {listed}")));
    };
    let Some(chosen) =
        kubeconfig.contexts.iter().find(|named| named.name == context).and_then(|named| named.context.clone())
    else {
        let near = nearest(&context, names.iter().map(String::as_str))
            .map_or(String::new(), |near| format!("did you mean `{near}`? "));
        return Err(Failure::new(&CONFIG, format!("there is no context `{context}` in {place}"))
            .hint(format!("{near}{listed}")));
    };
    // kube takes `$HTTPS_PROXY` for every server, one on loopback too; kubectl does not.
    let proxied = kubeconfig
        .clusters
        .iter()
        .find(|named| named.name == chosen.cluster)
        .and_then(|named| named.cluster.as_ref()?.proxy_url.clone())
        .is_some();
    for user in &mut kubeconfig.auth_infos {
        let Some(exec) = user.auth_info.as_mut().and_then(|user| user.exec.as_mut()) else { continue };
        if environment.terminal {
            continue;
        }
        if exec.interactive_mode == Some(ExecInteractiveMode::Always)
            && chosen.user.as_deref() == Some(user.name.as_str())
        {
            return Err(Failure::new(
                &UNAUTHORIZED,
                format!(
                    "the credential plugin `{}` of context `{context}` needs a terminal",
                    exec.command.as_deref().unwrap_or_default()
                ),
            )
            .hint("log in on a terminal, or use a context with a token or a certificate"));
        }
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
    let mut config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unusable(&error))?;
    if !proxied && config.cluster_url.host().is_some_and(goes_direct) {
        config.proxy_url = None;
    }
    Ok(Chosen { context, config })
}

/// Whether a proxy from the environment is not used for this host: it is this machine, or `$NO_PROXY` names it.
fn goes_direct(host: &str) -> bool {
    let list = ["NO_PROXY", "no_proxy"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    is_excepted(host, &list)
}

/// Whether a host is this machine by its loopback address or name.
pub(super) fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn is_excepted(host: &str, list: &str) -> bool {
    if is_this_machine(host) {
        return true;
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = bare.parse().ok();
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let suffix = entry.trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase();
        let host = bare.to_ascii_lowercase();
        entry == "*"
            || (!suffix.is_empty() && (host == suffix || (address.is_none() && host.ends_with(&format!(".{suffix}")))))
    })
}

fn unusable(error: &KubeconfigError) -> Failure {
    let failure = Failure::new(
        &CONFIG,
        format!("the kubeconfig cannot be used: {}", super::status::printable(&error.to_string())),
    );
    match error {
        KubeconfigError::ReadConfig(..) => failure.hint("check the path in `--kubeconfig` or $KUBECONFIG"),
        KubeconfigError::LoadClusterOfContext(name) => {
            failure.hint(format!("the context names the cluster `{name}`, which has no entry under `clusters`"))
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use super::*;

    fn kubeconfig(current: &str, contexts: &[&str]) -> String {
        let entries: String = contexts
            .iter()
            .map(|name| format!("- name: {name}\n  context: {{cluster: c, user: u, namespace: of-{name}}}\n"))
            .collect();
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: '{current}'\nclusters:\n- name: c\n  cluster: {{server: 'http://127.0.0.1:1'}}\nusers:\n- name: u\n  user: {{token: t}}\ncontexts:\n{entries}"
        )
    }

    async fn choose_in(environment: &Environment, context: Option<&str>) -> Result<Chosen, Failure> {
        choose(Source::Found, context, environment).await
    }

    #[tokio::test]
    async fn files_are_merged_and_absent_ones_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::write(&one, kubeconfig("a", &["a"])).unwrap();
        std::fs::write(&two, kubeconfig("b", &["b"])).unwrap();
        let list = std::env::join_paths([folder.path().join("absent"), one, two]).unwrap();
        let environment = Environment { kubeconfig: Some(list), ..Environment::default() };
        let first = choose_in(&environment, None).await.unwrap();
        assert_eq!((first.context.as_str(), first.config.default_namespace.as_str()), ("a", "of-a"));
        let second = choose_in(&environment, Some("b")).await.unwrap();
        assert_eq!(second.config.default_namespace, "of-b");
    }

    #[tokio::test]
    async fn the_home_directory_is_the_last_resort() {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment { home: Some(home.path().to_owned()), ..Environment::default() };
        let failure = choose_in(&environment, None).await.unwrap_err();
        assert!(failure.message.contains(".kube/config"), "{failure}");
        assert_eq!(failure.code.name, CONFIG.name);
        std::fs::create_dir(home.path().join(".kube")).unwrap();
        std::fs::write(home.path().join(".kube/config"), kubeconfig("a", &["a"])).unwrap();
        assert_eq!(choose_in(&environment, None).await.unwrap().context, "a");
    }

    #[tokio::test]
    async fn an_unknown_context_lists_the_known_ones_nearest_first() {
        let text = kubeconfig("prod-eu1", &["prod-eu1", "stage"]);
        let failure = choose(Source::Text(&text), Some("prod-eu"), &Environment::default()).await.unwrap_err();
        assert_eq!(failure.code.name, CONFIG.name);
        assert!(failure.message.contains("`prod-eu`"), "{failure}");
        assert_eq!(failure.hint.as_deref(), Some("did you mean `prod-eu1`? the contexts are: prod-eu1, stage"));
    }

    #[tokio::test]
    async fn a_kubeconfig_without_a_context_says_so() {
        let text = kubeconfig("", &["a"]);
        let failure = choose(Source::Text(&text), None, &Environment::default()).await.unwrap_err();
        assert!(failure.message.contains("no current context"), "{failure}");
        let failure = choose(Source::Text("{}"), Some("a"), &Environment::default()).await.unwrap_err();
        assert!(failure.hint.unwrap().contains("has no contexts"));
        let failure = choose(Source::Text("clusters: ["), None, &Environment::default()).await.unwrap_err();
        assert_eq!(failure.code.name, CONFIG.name);
        let failure =
            choose(Source::File(Path::new("/nowhere/config")), None, &Environment::default()).await.unwrap_err();
        assert!(failure.message.contains("/nowhere/config"), "{failure}");
    }

    #[tokio::test]
    async fn a_plugin_that_asks_is_refused_where_nobody_sits() {
        let text = kubeconfig("a", &["a"]).replace(
            "{token: t}",
            "{exec: {apiVersion: client.authentication.k8s.io/v1, command: login, interactiveMode: Always}}",
        );
        let failure = choose(Source::Text(&text), None, &Environment::default()).await.unwrap_err();
        assert!(failure.message.contains("`login`") && failure.message.contains("terminal"), "{failure}");
        assert!(
            choose(Source::Text(&text), None, &Environment { terminal: true, ..Environment::default() }).await.is_ok()
        );
    }

    #[test]
    fn a_proxy_is_not_used_for_this_machine_nor_for_what_is_excepted() {
        for (host, list, direct) in [
            ("127.0.0.1", "", true),
            ("[::1]", "", true),
            ("localhost", "", true),
            ("api.example", "", false),
            ("api.example", ".example", true),
            ("api.example", "other, example", true),
            ("apiexample", "example", false),
            ("api.example", "*", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "0.0.1", false),
        ] {
            assert_eq!(is_excepted(host, list), direct, "{host} {list}");
        }
    }
}
