//! As much of protobuf as kubectl needs: it sends reviews in the envelope of `application/vnd.kubernetes.protobuf`
//! and takes JSON back. Field numbers are those of `generated.proto` in `k8s.io/api`.

use serde_json::{Map, Value, json};

const MAGIC: &[u8] = b"k8s\0";

/// The length-delimited and varint fields of one message, in order.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let field = match key & 7 {
            0 => {
                varint(&mut bytes)?;
                Field::Number
            }
            1 => Field::Bytes(take(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Field::Bytes(take(&mut bytes, length)?)
            }
            5 => Field::Bytes(take(&mut bytes, 4)?),
            _ => return None,
        };
        fields.push((key >> 3, field));
    }
    Some(fields)
}

#[derive(Clone, Copy)]
enum Field<'b> {
    /// A number; no field that is read here is one.
    Number,
    Bytes(&'b [u8]),
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn message<'b>(fields: &[(u64, Field<'b>)], number: u64) -> Option<&'b [u8]> {
    fields.iter().find_map(|(n, field)| match field {
        Field::Bytes(bytes) if *n == number => Some(*bytes),
        _ => None,
    })
}

fn string(fields: &[(u64, Field<'_>)], number: u64) -> String {
    message(fields, number).map(|b| String::from_utf8_lossy(b).into_owned()).unwrap_or_default()
}

/// Named strings of a message, without the empty ones, as Go's JSON leaves them out.
fn strings(bytes: &[u8], names: &[(u64, &str)]) -> Option<Value> {
    let fields = fields(bytes)?;
    let mut object = Map::new();
    for (number, name) in names {
        let text = string(&fields, *number);
        if !text.is_empty() {
            object.insert((*name).to_owned(), text.into());
        }
    }
    Some(Value::Object(object))
}

/// Decodes a review from its envelope into the JSON form. `None` if it is malformed or of another kind.
pub(crate) fn review(body: &[u8]) -> Option<Value> {
    let envelope = fields(body.strip_prefix(MAGIC)?)?;
    // runtime.Unknown: typeMeta = 1 {apiVersion = 1, kind = 2}, raw = 2.
    let type_meta = fields(message(&envelope, 1)?)?;
    let (api_version, kind) = (string(&type_meta, 1), string(&type_meta, 2));
    let raw = fields(message(&envelope, 2)?)?;
    // Of every review: metadata = 1, spec = 2.
    let spec = fields(message(&raw, 2).unwrap_or_default())?;
    let spec = match kind.as_str() {
        "SelfSubjectAccessReview" | "SubjectAccessReview" | "LocalSubjectAccessReview" => access_spec(&spec)?,
        "SelfSubjectRulesReview" => json!({"namespace": string(&spec, 1)}),
        "TokenReview" => json!({"token": string(&spec, 1)}),
        "SelfSubjectReview" => Value::Null,
        _ => return None,
    };
    let mut object = json!({"kind": kind, "apiVersion": api_version, "metadata": {}});
    if !spec.is_null() {
        object["spec"] = spec;
    }
    Some(object)
}

fn access_spec(spec: &[(u64, Field<'_>)]) -> Option<Value> {
    let mut object = json!({});
    if let Some(attributes) = message(spec, 1) {
        let names = [
            (1, "namespace"),
            (2, "verb"),
            (3, "group"),
            (4, "version"),
            (5, "resource"),
            (6, "subresource"),
            (7, "name"),
        ];
        object["resourceAttributes"] = strings(attributes, &names)?;
    }
    if let Some(attributes) = message(spec, 2) {
        object["nonResourceAttributes"] = strings(attributes, &[(1, "path"), (2, "verb")])?;
    }
    Some(object)
}

/// Base64 with padding (RFC 4648 §4), as kubeconfigs and Secrets carry bytes.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;

    #[test]
    fn reads_what_kubectl_auth_can_i_sends() {
        // kubectl 1.37.1: auth can-i get pods -n shop
        let body = b"k8s\0\n2\n\x17authorization.k8s.io/v1\x12\x17SelfSubjectAccessReview\x129\n\x10\n\0\x12\0\x1a\0\"\0*\x002\x008\0B\0\x12\x1b\n\x19\n\x04shop\x12\x03get\x1a\0\"\0*\x04pods2\0:\0\x1a\x08\x08\0\x12\0\x1a\0 \0\x1a\0\"\0";
        assert_eq!(
            review(body).unwrap(),
            json!({
                "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {},
                "spec": {"resourceAttributes": {"namespace": "shop", "verb": "get", "resource": "pods"}}
            })
        );
    }

    #[test]
    fn malformed_bodies_are_refused() {
        assert_eq!(review(b"{}"), None);
        assert_eq!(review(b"k8s\0\n\xff\xff\xff\xff\x0f"), None);
        assert_eq!(review(b"k8s\0\n\x80"), None);
    }

    #[test]
    fn base64_is_padded() {
        assert_eq!(base64(b"a"), "YQ==");
        assert_eq!(base64(b"ab"), "YWI=");
        assert_eq!(base64(b"abc"), "YWJj");
    }
}
