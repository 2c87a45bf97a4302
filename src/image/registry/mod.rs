//! A push, as the OCI distribution API has it: blobs that are missing, then the manifest that names them.
//!
//! Everything is asked for before it is sent, so that a push that broke off is finished by the next one.

mod challenge;
mod session;

use std::time::Duration;

use session::{Answer, Body, Failure, Session};

use super::{Blob, Credentials, Image, ImageError, Repository};

/// One upload is tried this often before it is given up.
const ATTEMPTS: u32 = 4;
const PAUSE_FIRST: Duration = Duration::from_millis(500);

/// What is to be sent where, by whom.
pub struct Push<'a> {
    /// The image.
    pub image: &'a Image,
    /// Where it goes.
    pub repository: &'a Repository,
    /// The name it gets there.
    pub tag: &'a str,
    /// `None`: the registry takes it from anybody.
    pub credentials: Option<Credentials>,
}

/// What happens on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A blob is there already.
    Present { digest: String, bytes: u64 },
    /// So much of a blob has been sent.
    Sent { digest: String, sent: u64, bytes: u64 },
    /// All of a blob is there now.
    Uploaded { digest: String, bytes: u64 },
    /// An upload failed and starts anew after a pause.
    Again { digest: String, why: String },
}

/// How a push ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// `registry/name@sha256:…`
    pub reference: String,
    /// How many blobs were sent, without the manifest.
    pub blobs_sent: usize,
    /// How many bytes these are.
    pub bytes_sent: u64,
    /// Whether the manifest was sent; if not, the tag named this image already.
    pub manifest_sent: bool,
}

/// Sends what the registry lacks of the image.
///
/// # Errors
/// When the registry can't be reached, refuses who pushes or what is pushed, or breaks off again and again.
pub fn push(push: &Push<'_>, observe: &dyn Fn(&Event)) -> Result<Pushed, ImageError> {
    let session = Session::new(push.repository, push.credentials.clone());
    let trouble = |what: &str, failure: Failure| explain(push, what, failure);
    session
        .start()
        .map_err(|failure| trouble("the first question", failure))?;
    let mut pushed = Pushed {
        reference: format!("{}@{}", push.repository, push.image.digest()),
        blobs_sent: 0,
        bytes_sent: 0,
        manifest_sent: false,
    };
    for blob in push.image.blobs() {
        let what = format!("the upload of {}", blob.digest);
        if again(blob.digest.as_ref(), observe, || upload(&session, blob, observe))
            .map_err(|failure| trouble(&what, failure))?
        {
            pushed.blobs_sent += 1;
            pushed.bytes_sent += blob.size();
        }
    }
    let manifest = &push.image.manifest;
    let named = again(manifest.digest.as_ref(), observe, || {
        name(&session, manifest, push.tag)
    });
    pushed.manifest_sent = named.map_err(|failure| trouble("the upload of the manifest", failure))?;
    Ok(pushed)
}

/// Tries until it succeeds, is refused, or has failed often enough.
fn again<T>(
    digest: &str,
    observe: &dyn Fn(&Event),
    attempt: impl Fn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut pause = PAUSE_FIRST;
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(failure) if failure.may_pass() => {
                observe(&Event::Again {
                    digest: digest.to_owned(),
                    why: failure.to_string(),
                });
                std::thread::sleep(pause);
                pause *= 2;
            }
            result => return result,
        }
    }
    attempt()
}

/// Sends a blob unless it is there; whether it was sent.
fn upload(session: &Session<'_>, blob: &Blob, observe: &dyn Fn(&Event)) -> Result<bool, Failure> {
    let (digest, bytes) = (blob.digest.to_string(), blob.size());
    let there = session.send("HEAD", &session.url(&format!("blobs/{digest}")), Body::None)?;
    match there.status {
        200 => {
            observe(&Event::Present { digest, bytes });
            return Ok(false);
        }
        404 => {}
        _ => return Err(Failure::Answered(there)),
    }
    let opened = session.send("POST", &session.url("blobs/uploads/"), Body::None)?;
    let location = session.location(&opened.expecting(202)?)?;
    let sent = |sent: u64| {
        observe(&Event::Sent {
            digest: digest.clone(),
            sent,
            bytes,
        });
    };
    let body = Body::Stream {
        bytes: &blob.bytes,
        sent: &sent,
    };
    let taken = session.send("PATCH", &location, body)?;
    let location = session.location(&taken.expecting(202)?)?;
    let separator = if location.contains('?') { '&' } else { '?' };
    let closing = format!("{location}{separator}digest={digest}");
    session.send("PUT", &closing, Body::None)?.expecting(201)?;
    observe(&Event::Uploaded { digest, bytes });
    Ok(true)
}

/// Gives the manifest its tag unless it has it; whether it was sent.
fn name(session: &Session<'_>, manifest: &Blob, tag: &str) -> Result<bool, Failure> {
    let url = session.url(&format!("manifests/{tag}"));
    let there = session.send("HEAD", &url, Body::None)?;
    match there.status {
        200 if there.digest.as_deref() == Some(manifest.digest.as_ref()) => return Ok(false),
        200 | 404 => {}
        _ => return Err(Failure::Answered(there)),
    }
    let body = Body::Document {
        media_type: manifest.media_type.as_ref(),
        bytes: &manifest.bytes,
    };
    session.send("PUT", &url, body)?.expecting(201)?;
    Ok(true)
}

/// A failure in words for a person.
fn explain(push: &Push<'_>, what: &str, failure: Failure) -> ImageError {
    let (host, name) = (&push.repository.host, &push.repository.name);
    let known = push.credentials.as_ref().map(|who| who.username.as_str());
    match failure {
        Failure::Unreached(why) => ImageError::new(format!("the registry {host} can't be reached: {why}"))
            .with_hint(format!(
                "is it up, and does `{host}` name it? What has arrived is not sent again"
            )),
        Failure::Broken(why) => ImageError::new(format!("{what} to {host} broke off: {why}"))
            .with_hint("run it again: what has arrived is not sent again"),
        Failure::Answered(Answer { status: 401, .. }) if known.is_none() => {
            ImageError::new(format!("the registry {host} wants to know who pushes")).with_hint(format!(
                "`docker login {host}`, or give --username and --password-stdin"
            ))
        }
        Failure::Answered(Answer {
            status: 401, body, ..
        }) => ImageError::new(format!(
            "the registry {host} refuses the credentials of `{}`{}",
            known.unwrap_or_default(),
            said(&body)
        ))
        .with_hint(format!(
            "`docker login {host}` renews them; --username and --password-stdin give others"
        )),
        Failure::Answered(Answer {
            status: 403, body, ..
        }) => ImageError::new(format!(
            "the registry {host} does not let `{}` push to {name}{}",
            known.unwrap_or("anybody"),
            said(&body)
        ))
        .with_hint("name a repository that is yours, or have the right to push given to you"),
        Failure::Answered(Answer {
            status: 404, body, ..
        }) => ImageError::new(format!("there is no repository {name} at {host}{}", said(&body)))
            .with_hint("make it first; `vvbill apply` makes the one of a plan on AWS"),
        Failure::Answered(Answer { status, body, .. }) if says_tag_is_taken(status, &body) => {
            ImageError::new(format!(
                "the tag {} of {} belongs to another image, and stays on it{}",
                push.tag,
                push.repository,
                said(&body)
            ))
            .with_hint("give another one with --tag")
        }
        Failure::Answered(Answer { status, body, .. }) => ImageError::new(format!(
            "{what} to {host} was answered with {status}{}",
            said(&body)
        ))
        .with_hint("the registry's own log says more; what has arrived is not sent again"),
        Failure::Unusable(why) => ImageError::new(format!(
            "the registry {host} answers what no registry should: {why}"
        ))
        .with_hint(format!(
            "does `{host}` name a registry, and the right port of it?"
        )),
    }
}

/// A repository whose tags don't move, as ECR has it.
fn says_tag_is_taken(status: u16, body: &str) -> bool {
    status == 409 || body.contains("TAG_INVALID") || body.contains("immutable")
}

/// What a registry says of an error, in its own words.
fn said(body: &str) -> String {
    let answer: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let message = answer.as_ref().and_then(|answer| {
        let error = answer.pointer("/errors/0")?;
        let message = error["message"].as_str().filter(|message| !message.is_empty());
        message.or_else(|| error["code"].as_str())
    });
    let text = message.unwrap_or(body).trim();
    match text.is_empty() {
        true => String::new(),
        false => format!(": {}", text.chars().take(200).collect::<String>()),
    }
}
