//! Who pushes: nobody, somebody wrong, somebody right, in each of the ways to say so.

use std::io::Write;
use std::process::Stdio;

use super::proxy::{Manner, Proxy};
use super::registry::{Guard, Registry};
use crate::bench::{Bench, Run, program};

/// someone, swordfish
const LOGINS: &str = "someone:$2y$04$XTGBki7mwzEgma256MYuqeOvg6YyERwPnN.sDd8.ok1k/oZpERmnG\n";
/// `someone:swordfish`
const BASIC: &str = "c29tZW9uZTpzd29yZGZpc2g=";

fn guarded() -> Registry {
    Registry::guarded(&Guard {
        logins: Some(LOGINS),
        ..Guard::default()
    })
}

fn push(bench: &Bench, host: &str, password: &str) -> Run {
    let to = format!("{host}/billing/ingest");
    let arguments = [
        "push",
        "plan.yaml",
        "--to",
        &to,
        "--username",
        "someone",
        "--password-stdin",
    ];
    let mut child = bench
        .command(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(password.as_bytes())
        .unwrap();
    Run::of(child.wait_with_output().unwrap())
}

/// A refused login says whose it is and what to do, and never the password.
#[test]
fn a_registry_that_asks_for_a_password_gets_it() {
    let (bench, registry) = (Bench::new(), guarded());
    bench.build(program());
    let host = registry.host();
    let to = format!("{host}/billing/ingest");
    bench.run(&["push", "plan.yaml", "--to", &to]).expect(1).says(&[
        &format!("the registry {host} wants to know who pushes"),
        &format!("`docker login {host}`, or give --username and --password-stdin"),
    ]);
    let refused = push(&bench, &host, "halibut\n").expect(1);
    assert!(!refused.stderr.contains("halibut"), "{refused:#?}");
    refused.says(&[
        &format!("the registry {host} refuses the credentials of `someone`"),
        "docker login",
    ]);
    push(&bench, &host, "")
        .expect(64)
        .says(&["standard input holds no password"]);
    push(&bench, &host, "swordfish\n").expect(0);
}

/// What `docker login` left is enough, in its own file and in a helper's care.
#[test]
fn the_logins_of_docker_are_taken() {
    let (bench, registry) = (Bench::new(), guarded());
    bench.build(program());
    let to = format!("{}/billing/ingest", registry.host());
    let config = |text: &str| {
        std::fs::create_dir_all(bench.path(".docker")).unwrap();
        std::fs::write(bench.path(".docker/config.json"), text).unwrap();
    };
    let run = || bench.run(&["push", "plan.yaml", "--to", &to]);
    config(&format!(
        r#"{{"auths": {{"{}": {{"auth": "{BASIC}"}}}}}}"#,
        registry.host()
    ));
    run().expect(0);
    config(&format!(
        r#"{{"auths": {{"{}": {{"auth": "%"}}}}}}"#,
        registry.host()
    ));
    run()
        .expect(1)
        .says(&["can't read credentials from", "`auth` is no base64"]);
    config("{");
    run().expect(1).says(&["can't read credentials from"]);
    config(r#"{"auths": {}}"#);
    run().expect(1).says(&["wants to know who pushes"]);
    // A helper lies in PATH, is asked for a host and answers in JSON.
    let helper = bench.path("docker-credential-test");
    let script = format!(
        "#!/bin/sh\nread -r host\n[ \"$1 $host\" = \"get {}\" ] || exit 1\n\
         echo '{{\"Username\": \"someone\", \"Secret\": \"swordfish\"}}'\n",
        registry.host()
    );
    std::fs::write(&helper, script).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&helper, executable).unwrap();
    let path = format!(
        "{}:{}",
        bench.folder.path().display(),
        std::env::var("PATH").unwrap()
    );
    for text in [
        r#"{"credsStore": "test"}"#.to_owned(),
        format!(r#"{{"credHelpers": {{"{}": "test"}}}}"#, registry.host()),
    ] {
        config(&text);
        let output = bench
            .command(&["push", "plan.yaml", "--to", &to])
            .env("PATH", &path)
            .output();
        Run::of(output.unwrap()).expect(0);
    }
    config(r#"{"credsStore": "absent"}"#);
    run()
        .expect(1)
        .says(&["the credential helper `docker-credential-absent` failed"]);
}

/// The large registries give out tokens: one is fetched with the password, for pushing, and sent from then on.
#[test]
fn a_token_is_fetched_where_the_registry_wants_one() {
    let (bench, registry) = (Bench::new(), Registry::start());
    let basic = "Basic c29tZW9uZTpzd29yZGZpc2g=";
    let manner = Manner {
        token: Some("Bearer of-this-test"),
        basic: Some(basic),
        ..Manner::default()
    };
    let proxy = Proxy::start(registry.port, manner);
    bench.build(program());
    push(&bench, &proxy.host(), "swordfish").expect(0);
    let requests = proxy.requests();
    let tokens: Vec<&String> = requests.iter().filter(|line| line.contains("/token?")).collect();
    let [token] = tokens.as_slice() else {
        panic!("one token is enough: {requests:#?}");
    };
    for part in ["scope=repository", "billing", "push", "service=it"] {
        assert!(token.contains(part), "{token}");
    }
    let refused = push(&bench, &proxy.host(), "halibut").expect(1);
    refused.says(&["refuses the credentials of `someone`: wrong name or password"]);
}
