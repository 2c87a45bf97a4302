//! Postgres: lifecycle, restart on a changed setting, passwords, data that outlives the server.

use serde_json::{Value, json};
use tokio_postgres::NoTls;

use super::stage::{Stage, Standing, free_port};

async fn server(stage: &Stage, folder: &str, port: u16) -> Standing {
    let data = stage.data(folder, "shard-0").await.output("path");
    let password = stage.secret(folder, "shard-0-superuser").await.output("path");
    let properties = json!({
        "name": "shard-0", "folder": folder, "host": "127.0.0.1", "running": true, "configured": true,
        "port": port, "version": "15", "data": data, "password_file": password,
        "settings": { "fsync": "on", "max_connections": "20", "shared_buffers": "16MB" },
    });
    stage.stand("postgres_server", properties).await
}

async fn ask(connection: &str, question: &str) -> Result<String, tokio_postgres::Error> {
    let (client, task) = tokio_postgres::connect(connection, NoTls).await?;
    tokio::spawn(task);
    Ok(client.query_one(question, &[]).await?.get(0))
}

/// A row written before is there after a restart with another setting, and after the server was
/// deleted and made again on the same data.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_takes_a_new_setting_and_keeps_its_data() {
    let stage = Stage::new();
    let folder = stage.folder().await;
    let path = folder.output("path");
    let server = server(&stage, &path, free_port()).await;
    let password = stage.secret(&path, "shard-0").await.output("path");
    let database = json!({
        "name": "shard-0", "folder": path, "host": "127.0.0.1", "port": server.outputs["port"],
        "superuser_password_file": server.outputs["password_file"],
        "database": "billing", "owner": "billing", "password_file": password,
    });
    let database = stage.stand("postgres_database", database).await;
    let reference = database.output("connection");
    let connection = std::fs::read_to_string(reference.strip_prefix("file:").unwrap()).unwrap();
    ask(&connection, "with t as (select 1) select 'x' from t")
        .await
        .unwrap();
    let (client, task) = tokio_postgres::connect(&connection, NoTls).await.unwrap();
    tokio::spawn(task);
    client
        .batch_execute("create table kept as select 'here'::text as word")
        .await
        .unwrap();
    let wrong = connection.replace("://billing:", "://billing:wrong");
    assert!(
        ask(&wrong, "select 'x'").await.is_err(),
        "a wrong password was taken"
    );

    let settings = json!({ "fsync": "on", "max_connections": "33", "shared_buffers": "16MB" });
    let server = stage
        .update(&server, server.with(json!({ "settings": settings })))
        .await;
    assert_eq!(ask(&connection, "show max_connections").await.unwrap(), "33");
    assert_eq!(ask(&connection, "select word from kept").await.unwrap(), "here");

    stage.delete(&server).await;
    assert!(stage.processes().is_empty());
    let found = stage.observe("postgres_database", &database.id).await.unwrap();
    assert_eq!(
        found.properties["database"],
        Value::from("billing"),
        "seen while its server is down"
    );
    let server = stage.stand("postgres_server", server.properties).await;
    assert_eq!(ask(&connection, "select word from kept").await.unwrap(), "here");

    stage.delete(&database).await;
    stage.stand("postgres_database", database.properties).await;
    assert_eq!(ask(&connection, "select word from kept").await.unwrap(), "here");
    stage.delete(&server).await;
    stage.delete(&folder).await;
    assert!(!stage.root.join("platform").exists());
}

/// An `initdb` that was cut off leaves nothing that a server would be started on.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_made_cluster_is_made_anew() {
    let stage = Stage::new();
    let folder = stage.folder().await.output("path");
    let data = stage.data(&folder, "shard-0").await.output("path");
    std::fs::create_dir_all(format!("{data}/cluster.new/base")).unwrap();
    std::fs::write(format!("{data}/cluster.new/PG_VERSION"), "15\n").unwrap();
    server(&stage, &folder, free_port()).await;
    assert!(!std::path::Path::new(&format!("{data}/cluster.new")).exists());
}
