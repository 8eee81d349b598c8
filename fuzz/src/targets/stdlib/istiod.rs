//! istiod's pages: `/debug/syncz`, `/debug/configz`, its metrics; the mesh configuration and the annotation that changes
//! it for one pod.
//!
//! Beyond "no panic": a figure is finite; what is once written into the annotation is there, so that it is not written
//! again.

use meshbook_stdlib::control_plane::{configz, connection, metrics, syncz};
use meshbook_stdlib::sources::matcher;
use serde_json::Value;

/// The input is a page, or YAML.
pub fn run(page: &str) {
    for proxy in syncz::parse(page).into_iter().flatten() {
        assert!(proxy.proxy.len() + proxy.version.len() <= 2 * page.len());
    }
    for object in configz::parse(page).into_iter().flatten() {
        assert!(object.0.contains(' '), "{object:?}");
    }
    for name in ["pilot_xds_pushes", "pilot_xds", "citadel_server_root_cert_expiry_timestamp"] {
        assert!(metrics::sum(page, name, &["type=\"eds\""]).is_none_or(f64::is_finite));
        let _ = metrics::sum(page, name, &[]);
    }
    let _ = (connection::parse(page), connection::discovery_address(page));
    let mesh = matcher::of_mesh(page);
    for mesh in [&mesh, &Value::Null] {
        if let Ok(Some(written)) = matcher::with(page, mesh) {
            assert_eq!(matcher::with(&written, mesh), Ok(None), "{written:?}");
        }
    }
}
