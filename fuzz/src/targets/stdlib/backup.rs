//! Backups, as somebody else may have left them on a disk.
//!
//! Beyond "no panic": what is believed is written again as it was read, holds nothing that belongs to a server, and no
//! secret in clear.

use meshbook_stdlib::backup::clean::{clean, hash};
use meshbook_stdlib::backup::format::{Content, read, write};

/// See the module. A hash that does not fit ends most of what a fuzzer makes, so the text is also read with fitting hashes.
pub fn run(text: &str) {
    believed(text);
    believed(&fitting(text));
}

fn believed(text: &str) {
    let Ok((manifest, contents)) = read(text) else { return };
    assert_eq!(manifest.objects.len(), contents.len());
    for (place, content) in manifest.objects.iter().zip(&contents) {
        assert!(!place.name.contains('/') && !place.kind.is_empty());
        if let Content::Clear(document) = content {
            let object = document.value();
            assert_eq!(clean(&object), object);
            assert!(object["kind"] != "Secret");
        }
    }
    assert_eq!(read(&write(&manifest, &contents)), Ok((manifest, contents)));
}

/// The same text with the hash of the manifest that it has.
fn fitting(text: &str) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    if let [_, manifest, own, ..] = lines.as_mut_slice() {
        *own = format!("# sha256 {}", hash(manifest.strip_prefix("# manifest ").unwrap_or_default()));
    }
    lines.join("\n")
}
