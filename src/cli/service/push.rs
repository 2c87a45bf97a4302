//! `vvbill service push`: sends the image to registries, and writes its digest into the plan.

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use serde_json::json;

use super::super::arguments::PlanFile;
use super::super::error::Error;
use super::super::plan_file::{self, Findings};
use super::super::report::Report;
use super::super::report::push::{Uploads, size};
use super::super::site::Site;
use super::super::target::Targets;
use super::super::{Exit, wait};
use super::folder_of;
use crate::image::{self, Credentials, Image, Push, Pushed, Repository};
use crate::provider::Connection;
use crate::spec::{BUNDLED, Ingest, Spec, edit};

/// More than this is no password.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;

/// Push the image of the bundled service to a registry
///
/// Sends only what the registry lacks, so a push that broke off is finished by the next one. Without --to it
/// goes where the plan's `ingest.image` lies, or to the repositories that `apply` made for the plan, one in each
/// region. ECR is logged in to with the credentials of AWS, other registries with those of `docker login` or
/// with --username and --password-stdin. Plain HTTP is spoken on this machine alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill service push plans/production.yaml --write     to the plan's repositories, and into the plan
  vvbill service push plans/production.yaml --to registry.example.com/billing/ingest
  vvbill service push plans/local.yaml --to 127.0.0.1:5000/ingest --json | jq -r .references[0]
  vvbill service push plans/production.yaml --to ghcr.io/me/a --username me --password-stdin < token")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// Push there (repeatable): `registry.example.com/billing/ingest`
    #[arg(
        long,
        value_name = "REPOSITORY",
        env = "VVBILL_TO",
        hide_env_values = true,
        value_delimiter = ','
    )]
    to: Vec<String>,
    /// Call it this; without it, after vvbill's version and the image's digest
    #[arg(long, env = "VVBILL_TAG", hide_env_values = true, value_parser = tag)]
    tag: Option<String>,
    /// Push the image of this folder instead of `.vvbill/PLAN/image`
    #[arg(long, value_name = "DIR", env = "VVBILL_FROM", hide_env_values = true)]
    from: Option<PathBuf>,
    /// Log in under this name
    #[arg(
        long,
        value_name = "NAME",
        env = "VVBILL_USERNAME",
        hide_env_values = true,
        requires = "password_stdin"
    )]
    username: Option<String>,
    /// Log in with the password that standard input holds
    #[arg(
        long,
        env = "VVBILL_PASSWORD_STDIN",
        hide_env_values = true,
        requires = "username"
    )]
    password_stdin: bool,
    /// Write the image with its digest into the plan file, as `ingest.image`
    #[arg(long, env = "VVBILL_WRITE", hide_env_values = true)]
    write: bool,
    /// Print digest, references and what was sent as JSON
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let connection = targets.connection.clone();
    let spec = plan_file::load(&arguments.file, Findings::PassOver, report)?.spec;
    let own = || folder_of(&spec.metadata.name);
    let image = image::read(&arguments.from.clone().unwrap_or_else(own))?;
    let goal = goal(arguments, &spec, targets, report)?;
    if arguments.write && !goal.is_own && goal.repositories.len() > 1 {
        return Err(
            Error::usage("the plan names one image, and it would be pushed to several repositories")
                .hint("push to one of them with --write, and to the others without"),
        );
    }
    let given = given_credentials(arguments)?;
    let mut pushed = Vec::new();
    for repository in &goal.repositories {
        let credentials = match &given {
            Some(given) => Some(given.clone()),
            None => credentials(repository, &connection)?,
        };
        pushed.push(send(arguments, &image, repository, credentials, report)?);
    }
    let value = match (goal.is_own, pushed.as_slice()) {
        (true, _) => format!("{BUNDLED}@{}", image.digest()),
        (false, pushed) => pushed
            .first()
            .map(|pushed| pushed.reference.clone())
            .unwrap_or_default(),
    };
    if arguments.write {
        write(arguments, &spec, &value, report)?;
    } else if named(&spec) != Some(&value) {
        report.hint(&format!(
            "`ingest.image: {value}` has the plan run it; --write writes that"
        ));
    }
    answer(arguments, &image, &pushed, report)
}

fn answer(arguments: &Arguments, image: &Image, pushed: &[Pushed], report: &Report) -> Result<Exit, Error> {
    if arguments.json {
        report.json(&json!({
            "digest": image.digest(),
            "size": image.size(),
            "references": pushed.iter().map(|pushed| &pushed.reference).collect::<Vec<_>>(),
            "blobs_sent": pushed.iter().map(|pushed| pushed.blobs_sent).sum::<usize>(),
            "bytes_sent": pushed.iter().map(|pushed| pushed.bytes_sent).sum::<u64>(),
            "manifests_sent": pushed.iter().filter(|pushed| pushed.manifest_sent).count(),
        }))?;
    } else {
        for pushed in pushed {
            report.data(format_args!("{}\n", pushed.reference))?;
        }
    }
    Ok(Exit::Done)
}

fn send(
    arguments: &Arguments,
    image: &Image,
    repository: &Repository,
    credentials: Option<Credentials>,
    report: &Report,
) -> Result<Pushed, Error> {
    let tag = arguments.tag.clone().unwrap_or_else(|| image.tag());
    let uploads = Uploads::new(report);
    let push = Push {
        image,
        repository,
        tag: &tag,
        credentials,
    };
    let pushed = image::push(&push, &|event: &image::Event| uploads.tell(event));
    uploads.end();
    let pushed = pushed?;
    report.say(match (pushed.blobs_sent, pushed.manifest_sent) {
        (0, false) => format!("{repository}:{tag} is there already"),
        _ => format!("{repository}:{tag} is there, {} sent", size(pushed.bytes_sent)),
    });
    Ok(pushed)
}

/// Where to push.
struct Goal {
    repositories: Vec<Repository>,
    /// Whether these are the plan's own, which `bundled` stands for.
    is_own: bool,
}

fn goal(arguments: &Arguments, spec: &Spec, targets: Targets, report: &Report) -> Result<Goal, Error> {
    if !arguments.to.is_empty() {
        let parsed = arguments.to.iter().map(|text| text.parse::<Repository>());
        return Ok(Goal {
            repositories: parsed.collect::<Result<_, _>>()?,
            is_own: false,
        });
    }
    if let Some(named) = named(spec).filter(|named| !named.starts_with(BUNDLED)) {
        return Ok(Goal {
            repositories: vec![named.parse()?],
            is_own: false,
        });
    }
    let own = own_repositories(&Site::of_plan(
        &arguments.file,
        Findings::PassOver,
        targets,
        report,
    )?)?;
    if own.is_empty() {
        return Err(Error::new(format!(
            "nothing says where the image of `{}` goes",
            spec.metadata.name
        ))
        .because("no repository of the plan stands, and its `ingest.image` names none")
        .hint("`vvbill apply` makes the repositories of a plan on AWS; --to names another one"));
    }
    Ok(Goal {
        repositories: own,
        is_own: true,
    })
}

/// The image that the plan has now.
fn named(spec: &Spec) -> Option<&str> {
    spec.ingest.as_ref()?.image.as_deref()
}

/// Those that `apply` made, one in each region.
fn own_repositories(site: &Site) -> Result<Vec<Repository>, Error> {
    let state = wait(async { site.state().await })?.unwrap_or_default();
    let uris = state
        .resources
        .values()
        .filter(|record| record.kind == "ecr_repository" && record.address.name() == "ingest")
        .filter_map(|record| record.outputs["uri"].as_str());
    let repositories = uris.map(str::parse::<Repository>).collect::<Result<_, _>>();
    repositories.map_err(Error::from)
}

fn given_credentials(arguments: &Arguments) -> Result<Option<Credentials>, Error> {
    let Some(username) = &arguments.username else {
        return Ok(None);
    };
    let mut password = String::new();
    let read = std::io::stdin()
        .take(PASSWORD_BYTES_MAX)
        .read_to_string(&mut password);
    read.map_err(|why| Error::new("can't read the password from standard input").caused_by(&why))?;
    let password = password.trim_end_matches(['\n', '\r']).to_owned();
    if password.is_empty() {
        return Err(Error::usage("standard input holds no password")
            .hint("pipe it in: `vvbill service push … --password-stdin < FILE`"));
    }
    Ok(Some(Credentials {
        username: username.clone(),
        password,
    }))
}

fn credentials(repository: &Repository, connection: &Connection) -> Result<Option<Credentials>, Error> {
    match repository.ecr_region() {
        Some(region) => of_ecr(repository, region, connection).map(Some),
        None => Ok(image::of_docker(repository)?),
    }
}

#[cfg(feature = "aws")]
fn of_ecr(repository: &Repository, region: &str, connection: &Connection) -> Result<Credentials, Error> {
    let login = wait(async {
        let login = crate::provider::aws::ecr::login(connection, region).await;
        login.map_err(|why| {
            Error::new(format!("can't log in to {}", repository.host))
                .because(why.message.clone())
                .hints(why.hint.clone())
        })
    })?;
    Ok(Credentials {
        username: login.username,
        password: login.password,
    })
}

#[cfg(not(feature = "aws"))]
fn of_ecr(repository: &Repository, _: &str, _: &Connection) -> Result<Credentials, Error> {
    Err(Error::new(format!("can't log in to {}", repository.host))
        .because("this vvbill was built without the feature `aws`")
        .hint("give --username AWS and --password-stdin: `aws ecr get-login-password` prints the password"))
}

/// Writes `ingest.image` into the plan file, unless more than that would change.
fn write(arguments: &Arguments, spec: &Spec, value: &str, report: &Report) -> Result<(), Error> {
    let path = &arguments.file.plan;
    let hint = format!("write it yourself: `ingest.image: {value}`");
    let refused = |why: &str| {
        Error::new(format!(
            "the image is pushed, but can't be written into `{}`",
            path.display()
        ))
        .because(why)
        .hint(&hint)
    };
    let text = fs::read_to_string(path).map_err(|why| Error::reading("plan", path, &why).hint(&hint))?;
    let edited = edit::set(&text, &["ingest", "image"], value).map_err(|why| refused(&why.to_string()))?;
    if edited == text {
        return Ok(());
    }
    let again = plan_file::check_text(&arguments.file, edited.clone().into_bytes())?;
    let wanted = Spec {
        ingest: Some(Ingest {
            image: Some(value.to_owned()),
            ..spec.ingest.clone().unwrap_or_default()
        }),
        ..spec.clone()
    };
    if again.loaded.is_none_or(|loaded| loaded.spec != wanted) {
        return Err(refused(
            "another part of the plan, or an override, decides what it reads as",
        ));
    }
    plan_file::replace(path, &edited).map_err(|why| Error::writing("plan", path, &why).hint(&hint))?;
    report.say(format_args!("{}: ingest.image: {value}", path.display()));
    Ok(())
}

/// As registries take it.
fn tag(text: &str) -> Result<String, String> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let starts = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match starts && text.len() <= 128 && text.bytes().all(inner) {
        true => Ok(text.to_owned()),
        false => Err("a tag has up to 128 letters, digits, `.`, `_` and `-`".into()),
    }
}
