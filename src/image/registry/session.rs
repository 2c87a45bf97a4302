//! Requests to one repository, with the authorization that the registry asks for.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{Request, Response, Uri, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, SendBody};

use super::super::reference::is_loopback;
use super::super::{Credentials, Repository};
use super::challenge::{self, Challenge};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A registry that copies a layer to its store answers late.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Answers are documents of a few lines.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// What is sent at once, and how often the progress is told.
const PIECE_BYTES: usize = 64 << 10;

/// What is sent along.
pub(super) enum Body<'a> {
    None,
    Document { media_type: &'a str, bytes: &'a [u8] },
    Stream { bytes: &'a [u8], sent: &'a dyn Fn(u64) },
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    pub body: String,
    /// `Docker-Content-Digest`
    pub digest: Option<String>,
    location: Option<String>,
    challenge: Option<String>,
}

/// Why there is no answer of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody took the connection.
    Unreached(String),
    /// The connection ended too early.
    Broken(String),
    /// Another answer than what was hoped for.
    Answered(Answer),
    /// No answer of a registry.
    Unusable(String),
}

impl Failure {
    /// Whether the same request may succeed later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreached(_) | Self::Broken(_) => true,
            Self::Answered(answer) => answer.status >= 500 || matches!(answer.status, 408 | 416 | 429),
            Self::Unusable(_) => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreached(why) | Self::Broken(why) | Self::Unusable(why) => f.write_str(why),
            Self::Answered(answer) => write!(f, "the registry answered {}", answer.status),
        }
    }
}

impl Answer {
    pub(super) fn expecting(self, status: u16) -> Result<Self, Failure> {
        match self.status == status {
            true => Ok(self),
            false => Err(Failure::Answered(self)),
        }
    }
}

/// Talks to one repository.
pub(super) struct Session<'a> {
    repository: &'a Repository,
    credentials: Option<Credentials>,
    agent: Agent,
    authorization: RefCell<Option<String>>,
}

impl<'a> Session<'a> {
    pub(super) fn new(repository: &'a Repository, credentials: Option<Credentials>) -> Self {
        let trust = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(!repository.is_on_loopback())
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .tls_config(trust);
        if repository.is_on_loopback() {
            config = config.proxy(None);
        }
        Self {
            repository,
            credentials,
            agent: config.build().new_agent(),
            authorization: RefCell::default(),
        }
    }

    /// Of something below the repository.
    pub(super) fn url(&self, what: &str) -> String {
        format!(
            "{}/v2/{}/{what}",
            self.repository.base_url(),
            self.repository.name
        )
    }

    /// Learns whether this is a registry and what it wants to see, before anything large is sent.
    pub(super) fn start(&self) -> Result<(), Failure> {
        let url = format!("{}/v2/", self.repository.base_url());
        let answer = self.send("GET", &url, Body::None)?;
        match answer.status {
            200 => Ok(()),
            404 => Err(Failure::Unusable("there is no /v2/".into())),
            // A token for one repository need not open the front door.
            401 if self.has_token() => Ok(()),
            _ => Err(Failure::Answered(answer)),
        }
    }

    fn has_token(&self) -> bool {
        let authorization = self.authorization.borrow();
        authorization
            .as_deref()
            .is_some_and(|text| text.starts_with("Bearer "))
    }

    /// Where an upload goes on.
    pub(super) fn location(&self, answer: &Answer) -> Result<String, Failure> {
        let location = answer.location.as_deref().filter(|location| !location.is_empty());
        let location = location.ok_or_else(|| Failure::Unusable("an upload without a Location".into()))?;
        match location.starts_with('/') {
            true => Ok(format!("{}{location}", self.repository.base_url())),
            false => Ok(location.to_owned()),
        }
    }

    /// Sends it; what the registry wants to see first is shown to it once.
    pub(super) fn send(&self, method: &str, url: &str, body: Body<'_>) -> Result<Answer, Failure> {
        let answer = self.once(method, url, &body)?;
        let challenge = answer.challenge.as_deref().and_then(challenge::parse);
        let Some(challenge) = challenge.filter(|_| answer.status == 401) else {
            return Ok(answer);
        };
        match self.authorize(&challenge)? {
            Some(authorization) => {
                self.authorization.replace(Some(authorization));
                self.once(method, url, &body)
            }
            None => Ok(answer),
        }
    }

    /// What to send along from now on; `None` where nothing is known that isn't sent already.
    fn authorize(&self, challenge: &Challenge) -> Result<Option<String>, Failure> {
        match challenge {
            Challenge::Basic => {
                let basic = self.credentials.as_ref().map(Credentials::basic);
                Ok(basic.filter(|basic| self.authorization.borrow().as_ref() != Some(basic)))
            }
            Challenge::Bearer { realm, service, .. } => self.token(realm, service.as_deref()).map(Some),
        }
    }

    /// For pulling and pushing here, whatever the one request needed.
    fn token(&self, realm: &str, service: Option<&str>) -> Result<String, Failure> {
        let uri: Uri = realm
            .parse()
            .map_err(|_| Failure::Unusable(format!("tokens come from `{realm}`")))?;
        let is_plain = uri.scheme_str() != Some("https");
        if is_plain && !(self.repository.is_on_loopback() && uri.host().is_some_and(is_loopback)) {
            return Err(Failure::Unusable(format!(
                "it would have the credentials sent to `{realm}` without TLS"
            )));
        }
        let scope = format!("repository:{}:pull,push", self.repository.name);
        let mut request = self.agent.get(realm).query("scope", scope);
        if let Some(service) = service {
            request = request.query("service", service);
        }
        if let Some(credentials) = &self.credentials {
            request = request.header(header::AUTHORIZATION, credentials.basic());
        }
        let answer = read(request.call().map_err(|why| broken(&why))?)?.expecting(200)?;
        let document: serde_json::Value = serde_json::from_str(&answer.body)
            .map_err(|_| Failure::Unusable("a token that is no JSON".into()))?;
        let token = document["token"]
            .as_str()
            .or_else(|| document["access_token"].as_str());
        token
            .map(|token| format!("Bearer {token}"))
            .ok_or_else(|| Failure::Unusable("an answer without a token".into()))
    }

    fn once(&self, method: &str, url: &str, body: &Body<'_>) -> Result<Answer, Failure> {
        let unusable = |why: &dyn fmt::Display| Failure::Unusable(format!("`{url}`: {why}"));
        let uri: Uri = url.parse().map_err(|why| unusable(&why))?;
        let mut request = Request::builder().method(method);
        // An upload may go elsewhere; who pushes is the registry's business alone.
        if self.is_own(&uri)
            && let Some(authorization) = &*self.authorization.borrow()
        {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if url.contains("/manifests/") {
            request = request.header(header::ACCEPT, "application/vnd.oci.image.manifest.v1+json");
        }
        request = request.uri(uri);
        let response = match body {
            Body::None if matches!(method, "POST" | "PUT") => {
                let request = request.body(Vec::new());
                self.agent.run(request.map_err(|why| unusable(&why))?)
            }
            Body::None => self.agent.run(request.body(()).map_err(|why| unusable(&why))?),
            Body::Document { media_type, bytes } => {
                let request = request.header(header::CONTENT_TYPE, *media_type).body(*bytes);
                self.agent.run(request.map_err(|why| unusable(&why))?)
            }
            Body::Stream { bytes, sent } => {
                let mut reader = Counted { bytes, sent, at: 0 };
                let request = request
                    .header(header::CONTENT_TYPE, "application/octet-stream")
                    .header(header::CONTENT_LENGTH, bytes.len())
                    .body(SendBody::from_reader(&mut reader));
                self.agent.run(request.map_err(|why| unusable(&why))?)
            }
        };
        read(response.map_err(|why| broken(&why))?)
    }

    fn is_own(&self, uri: &Uri) -> bool {
        let base: Option<Uri> = self.repository.base_url().parse().ok();
        base.is_some_and(|base| base.authority() == uri.authority() && base.scheme() == uri.scheme())
    }
}

/// Tells how much has been read.
struct Counted<'a> {
    bytes: &'a [u8],
    sent: &'a dyn Fn(u64),
    at: usize,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(buffer.len()).min(PIECE_BYTES);
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        (self.sent)(self.at as u64);
        Ok(count)
    }
}

fn read(mut response: Response<ureq::Body>) -> Result<Answer, Failure> {
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let (digest, location, challenge) = (
        header("docker-content-digest"),
        header("location"),
        header("www-authenticate"),
    );
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES_MAX)
        .lossy_utf8(true)
        .read_to_string()
        .map_err(|why| broken(&why))?;
    Ok(Answer {
        status,
        body,
        digest,
        location,
        challenge,
    })
}

fn broken(why: &ureq::Error) -> Failure {
    match why {
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => Failure::Unreached(why.to_string()),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            Failure::Unreached(why.to_string())
        }
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Failure::Unreached("the connection is refused".into())
        }
        // What is wrong with TLS is wrong the next time, too.
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => Failure::Unusable(format!("no TLS: {why}")),
        ureq::Error::RequireHttpsOnly(url) => {
            Failure::Unusable(format!("it would have the upload sent to `{url}` without TLS"))
        }
        other => Failure::Broken(other.to_string()),
    }
}
