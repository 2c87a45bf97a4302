//! `cargo xtask fake-aws COMMAND`: runs a command with a fake AWS in the place of the real one.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::Args;
use serde_json::{Value, json};

use crate::{Result, command, python};

#[derive(Args)]
pub(crate) struct Options {
    /// The command and its arguments; it sees the fake by AWS_ENDPOINT_URL and has credentials that nobody checks
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let fake = Fake::start(&python::moto()?, &json!({}))?;
    let (program, arguments) = options.command.split_first().ok_or("name a command")?;
    let mut command = Command::new(program);
    command::forget_this_package(&mut command);
    command::run(fake.reached_by(command.args(arguments)))
}

/// The fake AWS, which ends when its standard input closes.
pub(crate) struct Fake {
    child: Child,
    url: String,
}

impl Fake {
    pub(crate) fn start(python: &Path, config: &Value) -> Result<Self> {
        let mut child = Command::new(python)
            .arg(command::workspace().join("tests/support/aws/serve.py"))
            .args(["--config", &config.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|why| format!("the fake AWS can't be started: {why}"))?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("the fake AWS has no output")?;
        BufReader::new(output)
            .read_line(&mut line)
            .map_err(|why| format!("the fake AWS: {why}"))?;
        let ready: Value =
            serde_json::from_str(&line).map_err(|_| format!("the fake AWS did not start: {line}"))?;
        Ok(Self {
            child,
            url: format!("http://127.0.0.1:{}", ready["port"]),
        })
    }

    /// Has `command` see this AWS.
    pub(crate) fn reached_by<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
    }

    /// What exists in it.
    pub(crate) fn inventory(&self) -> Result<Vec<Value>> {
        let url = format!("{}/_fake/inventory", self.url);
        let text = command::read(Command::new("curl").args(["--silent", "--fail", &url]))?;
        let all: Value = serde_json::from_str(&text).map_err(|why| format!("the fake's inventory: {why}"))?;
        Ok(all.as_array().cloned().unwrap_or_default())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
