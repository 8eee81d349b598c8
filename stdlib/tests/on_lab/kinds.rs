//! The kinds that the library knows are those that an API server with Istio serves under these names.

use meshbook_lab::world::World;
use meshbook_lab::{Lab, Pace};
use meshbook_runtime::effect::{Call, Reply, ResourceKind};
use meshbook_runtime::transport::{Connection, Options, Transport as _};
use meshbook_stdlib::LIBRARY;

#[tokio::test(flavor = "multi_thread")]
async fn known_kinds_are_what_the_api_server_says() {
    let lab = Lab::start(World::named("healthy").expect("a world"), Pace::Virtual).await.expect("a lab");
    // Without the library's kinds, each name is looked up.
    let options = Options { kubeconfig_text: Some(lab.kubeconfig()), ..Options::default() };
    let connection = Connection::open(options).await.expect("a connection");
    for known in (LIBRARY.kinds)() {
        let names = [known.kind.plural.clone(), known.kind.kind.clone()].into_iter().chain(known.short.clone());
        for name in names {
            let answer = connection.call(&Call::ResolveKind { name: name.clone() }).await;
            let Ok(Reply::Json(served)) = answer else { panic!("{name}: {:?}", answer.err()) };
            let served: ResourceKind = serde_json::from_value(served).expect("a kind");
            assert_eq!(served, known.kind, "{name}");
        }
    }
}
