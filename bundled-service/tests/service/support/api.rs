//! A running API, and a client of it.

use super::{
    eventually, free_port,
    process::{Process, User, command},
    world::World,
};
use serde_json::Value;
use std::time::Duration;

/// A process with the API role, and a client with a key for every account.
pub(crate) struct Api {
    pub(crate) process: Process,
    pub(crate) client: Client,
}

#[derive(Clone)]
pub(crate) struct Client {
    base: String,
    pub(crate) key: String,
    agent: ureq::Agent,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Api {
    pub(crate) fn start(world: &World, flags: &[&str]) -> Self {
        Self::start_with_log(world, flags, "info")
    }

    pub(crate) fn start_with_log(world: &World, flags: &[&str], level: &str) -> Self {
        Self::start_with(world, flags, &[("RUST_LOG", level)])
    }

    /// With variables beside the world's own.
    pub(crate) fn start_with(world: &World, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let key = create_key(world, "*");
        let port = free_port();
        let mut service = command(User::Same, env!("CARGO_BIN_EXE_vvbill-ingest"));
        service
            .args(["run", "--role", "api", "--api-keys"])
            .arg(world.file("keys"));
        service
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(flags);
        service.envs(world.variables()).envs(variables.iter().copied());
        let log = world.file(&format!("api-{port}.log"));
        let mut process = Process::start("API", service, &log);
        let client = Client::new(port, &key);
        eventually("the API is ready", 30, || {
            process.assert_alive();
            (client.get("/ready")?.status == 200).then_some(())
        });
        Self { process, client }
    }
}

/// Makes a key as an operator does.
pub(crate) fn create_key(world: &World, accounts: &str) -> String {
    let file = world.file("keys").display().to_string();
    let made = world.run(&[
        "key",
        "create",
        "--file",
        &file,
        "--name",
        "test",
        "--accounts",
        accounts,
    ]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

impl Client {
    fn new(port: u16, key: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        Self {
            base: format!("http://127.0.0.1:{port}"),
            key: key.to_owned(),
            agent: config
                .timeout_global(Some(Duration::from_secs(30)))
                .build()
                .new_agent(),
        }
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    /// `None` when there was no answer.
    pub(crate) fn post(&self, body: &str) -> Option<Answer> {
        let request = self.agent.post(format!("{}/v1/events", self.base));
        let request = request.header("authorization", format!("Bearer {}", self.key));
        Self::read(request.content_type("application/x-ndjson").send(body))
    }

    pub(crate) fn get(&self, path: &str) -> Option<Answer> {
        let request = self.agent.get(format!("{}{path}", self.base));
        Self::read(request.header("x-api-key", &self.key).call())
    }

    fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<Answer> {
        let mut answer = answer.ok()?;
        Some(Answer {
            status: answer.status().as_u16(),
            text: answer.body_mut().read_to_string().ok()?,
        })
    }
}
