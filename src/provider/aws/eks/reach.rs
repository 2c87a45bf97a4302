//! The way to a cluster's API server: where it is, and the token that says who calls.
//!
//! A token is a signed call of `sts:GetCallerIdentity` that nobody has made: the API server makes it, and believes
//! what STS answers. It is signed here, in this process.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};

use super::super::Region;
use super::super::error::Call;
use crate::provider::ProviderError;

/// The header that binds a token to one cluster.
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// How long STS takes the call. The token itself is good for 15 minutes from its signature.
const EXPIRES_IN: Duration = Duration::from_secs(60);

/// Where an API server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Its URL.
    pub endpoint: String,
    /// Base64 of the certificate in PEM that it is trusted by.
    pub certificate_authority: String,
}

/// Says to an API server who calls. It is never printed.
pub struct Token(String);

impl Token {
    /// The token itself, for the call that needs it and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(sensitive)")
    }
}

/// Where the API server of a cluster is; `None`: there is no such cluster, or it has none yet.
pub async fn reach(cloud: &Region, name: &str) -> Result<Option<Reach>, ProviderError> {
    let answer = cloud.eks().describe_cluster().name(name).send().await;
    let found = answer.or_absent("eks:DescribeCluster")?;
    Ok(found.and_then(|found| {
        let cluster = found.cluster?;
        Some(Reach {
            endpoint: cluster.endpoint?,
            certificate_authority: cluster.certificate_authority?.data?,
        })
    }))
}

/// A token for a cluster, signed with the present credentials.
pub async fn token(cloud: &Region, cluster: &str) -> Result<Token, ProviderError> {
    let credentials = cloud.credentials().await?;
    signed_token(credentials, cloud.name(), cluster, SystemTime::now())
}

/// The same with these credentials, as of this time.
pub fn signed_token(
    credentials: Credentials,
    region: &str,
    cluster: &str,
    now: SystemTime,
) -> Result<Token, ProviderError> {
    let failed = |why: &dyn fmt::Display| {
        ProviderError::refused(format!(
            "the token for the cluster {cluster} can't be signed: {why}"
        ))
    };
    let suffix = match region.starts_with("cn-") {
        true => "amazonaws.com.cn",
        false => "amazonaws.com",
    };
    let url = format!("https://sts.{region}.{suffix}/?Action=GetCallerIdentity&Version=2011-06-15");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(EXPIRES_IN);
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|why| failed(&why))?
        .into();
    let headers = std::iter::once((CLUSTER_HEADER, cluster));
    let request =
        SignableRequest::new("GET", &url, headers, SignableBody::Bytes(&[])).map_err(|why| failed(&why))?;
    let (instructions, _) = sign(request, &parameters)
        .map_err(|why| failed(&why))?
        .into_parts();
    let mut signed = url.clone();
    for (name, value) in instructions.params() {
        signed.push('&');
        signed.push_str(name);
        signed.push('=');
        signed.push_str(&percent_encoded(value));
    }
    Ok(Token(format!(
        "k8s-aws-v1.{}",
        BASE64_URL_SAFE_NO_PAD.encode(signed)
    )))
}

/// As a signature wants it: everything but letters, digits and `-_.~`.
fn percent_encoded(text: &str) -> String {
    use fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte))
            }
            other => write!(encoded, "%{other:02X}").expect("writing to a String cannot fail"),
        }
    }
    encoded
}
