//! Reads and writes single keys of etcd, over its HTTP gateway. Asks one member after the other.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::http;
use super::platform::known;
use crate::provider::ProviderError;
use crate::resource::Ref;

/// Members by name, each `HOST:PORT`.
pub(super) type Members = BTreeMap<String, Ref<String>>;

/// The value of `key`; `None` where there is none.
pub(super) async fn read(members: &Members, key: &str) -> Result<Option<String>, ProviderError> {
    let answer = ask(members, "range", json!({ "key": STANDARD.encode(key) })).await?;
    let Some(value) = answer.pointer("/kvs/0/value").and_then(Value::as_str) else {
        return Ok(None);
    };
    let bytes = STANDARD.decode(value).unwrap_or_default();
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Sets `key`.
pub(super) async fn write(members: &Members, key: &str, value: &str) -> Result<(), ProviderError> {
    let body = json!({ "key": STANDARD.encode(key), "value": STANDARD.encode(value) });
    ask(members, "put", body).await.map(|_| ())
}

async fn ask(members: &Members, verb: &str, body: Value) -> Result<Value, ProviderError> {
    let mut last = "there is no member".to_owned();
    for member in members.values() {
        let url = format!("http://{}/v3/kv/{verb}", known(member, "etcd")?);
        match http::post(url, body.to_string()).await? {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(answer) => return Ok(answer),
                Err(why) => last = why.to_string(),
            },
            Err(why) => last = why,
        }
    }
    Err(ProviderError::transient(format!("etcd can't be asked: {last}")))
}
