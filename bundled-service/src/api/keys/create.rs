//! `vvbill-ingest key create`: makes a key, keeps its hash, shows it once.

use super::{AccountSet, Hash, Key, KeyFileError, Permission, file};
use clap::{Args, Subcommand};
use std::{
    fs::OpenOptions,
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};
use uuid::Uuid;

#[derive(Debug, Args)]
pub struct KeyCommand {
    #[command(subcommand)]
    pub verb: KeyVerb,
}

#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Makes an API key, appends its hash to the key file, and prints the key: the only time.
    Create(KeyCreate),
}

#[derive(Debug, Args)]
pub struct KeyCreate {
    /// The key file; made when it is missing. A running service reads it again by itself.
    #[arg(long, env = "VVBILL_INGEST_API_KEYS")]
    pub file: PathBuf,
    /// What logs call the key.
    #[arg(long, env = "VVBILL_INGEST_KEY_NAME")]
    pub name: String,
    /// Accounts that the key opens: `*`, or ids and ranges such as `1-1000,5000`.
    #[arg(long, env = "VVBILL_INGEST_KEY_ACCOUNTS")]
    pub accounts: AccountSet,
    /// What the key may do; both when it isn't given.
    #[arg(long = "role", env = "VVBILL_INGEST_KEY_ROLES", value_delimiter = ',')]
    pub roles: Vec<Permission>,
}

/// No key was made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error("the key file {} can't be written: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

/// Does what the command says; the answer is to be printed, and nothing else knows it.
pub fn run(command: &KeyCommand) -> Result<String, KeyError> {
    match &command.verb {
        KeyVerb::Create(create) => append(create),
    }
}

fn append(create: &KeyCreate) -> Result<String, KeyError> {
    let write_error = |source| KeyError::Write {
        path: create.file.clone(),
        source,
    };
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true).mode(0o600);
    let mut file = options.open(&create.file).map_err(write_error)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(write_error)?;
    file::parse(&text).map_err(|(line, reason)| KeyFileError::Line {
        path: create.file.clone(),
        line,
        reason,
    })?;
    let secret = generate();
    let line = line(create, &secret).map_err(write_error)?;
    // One write, so that two commands at once don't mix their lines; the last line may lack its end.
    let line = match text.is_empty() || text.ends_with('\n') {
        true => format!("{line}\n"),
        false => format!("\n{line}\n"),
    };
    file.write_all(line.as_bytes()).map_err(write_error)?;
    file.sync_all().map_err(write_error)?;
    Ok(secret)
}

fn line(create: &KeyCreate, secret: &str) -> std::io::Result<String> {
    let both = vec![Permission::Write, Permission::Read];
    let key = Key {
        name: create.name.clone(),
        sha256: Hash::of(secret),
        accounts: create.accounts.clone(),
        roles: if create.roles.is_empty() {
            both
        } else {
            create.roles.clone()
        },
    };
    Ok(serde_json::to_string(&key)?)
}

/// `vvb_` and 64 hexadecimal digits: 244 bits of the operating system's randomness (122 in each
/// random UUID).
fn generate() -> String {
    format!("vvb_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
