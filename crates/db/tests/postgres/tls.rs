//! TLS to a server of the test's own: it is checked, or nothing is sent.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use madang_db::{Config, Db, Error, Kind, OpenError, Tx};
use tokio::time::Instant;

use crate::authority::Authority;
use crate::open::refused;
use crate::server::Server;
use crate::{at_once, config, database, inserted, opened, until};

/// Where the other tests' servers are; these have their own.
const HERE: &str = "127.0.0.1";
const HOSTS: &str = "DNS:localhost,IP:127.0.0.1";

fn checked(url: &str, ca: PathBuf) -> Config {
    let mut config = config(url);
    config.ca = Some(ca);
    config
}

/// What each of the service's sessions speaks.
fn spoken(tx: &mut Tx<'_>) -> Result<Vec<String>, Error> {
    let rows = tx.query(
        "SELECT coalesce(version, 'none') FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE application_name = 'madang'",
        &[],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_connection_to_a_server_that_is_checked_speaks_tls() {
    drop(database!("every_connection_to_a_server_that_is_checked_speaks_tls"));
    let authority = Authority::new();
    let server = Server::with(&authority.identity(HOSTS));
    for host in [HERE, "localhost"] {
        // The login is bound to the certificate, too.
        let url = format!("{}?sslmode=verify-full&channel_binding=require", server.url_by(host));
        let db = opened(&checked(&url, authority.file())).await;
        let mut lead = db.lead("the test").unwrap();
        let _term = lead.won().await;
        db.write(Kind::Request, |tx| {
            tx.raise();
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        until("work, listen, notify, lead", async || db.read(spoken).await.unwrap().len() == 4).await;
        assert_eq!(db.read(spoken).await.unwrap(), ["TLSv1.3"; 4], "{host}");
    }
    let db = opened(&checked(&server.url_by(HERE), authority.file())).await;
    inserted(&db, 1).await.unwrap();
    server.stop();
    server.start();
    until("it is connected anew", async || inserted(&db, 2).await.is_ok()).await;
}

#[tokio::test]
async fn a_server_that_cannot_be_checked_is_refused_at_once_and_each_reason_is_named() {
    drop(database!("a_server_that_cannot_be_checked_is_refused_at_once_and_each_reason_is_named"));
    let (authority, another) = (Authority::new(), Authority::new());
    let server = Server::with(&authority.identity("IP:127.0.0.1"));

    let (error, all) = refused(&checked(&server.url_by(HERE), another.file()), vec![]).await;
    assert!(matches!(error, OpenError::Untrusted { .. }), "{all}");
    assert!(all.contains("--database-ca names whose is"), "{all}");

    let (error, all) = refused(&checked(&server.url_by("localhost"), authority.file()), vec![]).await;
    assert!(matches!(error, OpenError::OtherHost { .. }), "{all}");
    assert!(all.contains("certificate for another host"), "{all}");

    // Without a file the system's authorities count, of which this is none.
    let url = format!("{}?sslmode=require", server.url_by(HERE));
    let (error, all) = refused(&config(&url), vec![]).await;
    assert!(matches!(error, OpenError::Untrusted { .. } | OpenError::NoAuthorities { .. }), "{all}");

    let missing = authority.file().with_file_name("missing.pem");
    let (error, all) = refused(&checked(&server.url_by(HERE), missing), vec![]).await;
    assert!(matches!(error, OpenError::Ca { .. }), "{all}");

    // This server lets nobody in without TLS.
    let (error, all) = refused(&config(&server.url_by(HERE)), vec![]).await;
    assert!(matches!(error, OpenError::Credentials { .. }) && all.contains("no encryption"), "{all}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_at_once() {
    drop(database!("a_server_without_tls_is_refused_at_once"));
    let (authority, server) = (Authority::new(), Server::new());
    for parameters in ["", "?sslmode=require"] {
        let url = format!("{}{parameters}", server.url_by(HERE));
        let config = checked(&url, authority.file());
        let (error, all) = refused(&config, vec![]).await;
        assert!(matches!(error, OpenError::NoTls { .. }), "{all}");
        assert!(all.contains("speaks no TLS"), "{all}");
    }
}

#[test]
fn the_authorities_of_the_system_are_trusted_where_the_url_asks_for_tls() {
    drop(database!("the_authorities_of_the_system_are_trusted_where_the_url_asks_for_tls"));
    let authority = Authority::new();
    let server = Server::with(&authority.identity(HOSTS));
    let child = ["--exact", "tls::child_opens", "--ignored", "--nocapture"];
    let opened = Command::new(std::env::current_exe().unwrap())
        .args(child)
        .env("SSL_CERT_FILE", authority.file())
        .env_remove("SSL_CERT_DIR")
        .env("TEST_URL", format!("{}?sslmode=require", server.url_by(HERE)))
        .output()
        .unwrap();
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stdout));
}

#[tokio::test]
#[ignore = "a child, whose system trusts another authority"]
async fn child_opens() {
    let db = Db::open(&config(&std::env::var("TEST_URL").unwrap()), vec![]).await.unwrap();
    assert!(db.read(spoken).await.unwrap().iter().all(|version| version == "TLSv1.3"));
}

/// Takes connections, reads the question for TLS, answers this, and then holds the connection or ends it.
fn answers(answer: &'static [u8], holds: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut held = Vec::new();
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut question = [0; 8];
            drop(client.read_exact(&mut question));
            drop(client.write_all(answer));
            held.extend(holds.then_some(client));
        }
    });
    format!("postgres://u:secret@{address}/n?sslmode=require&connect_timeout=1")
}

#[tokio::test]
async fn a_server_that_falls_silent_or_breaks_off_before_tls_stands_is_unreachable_in_time() {
    let authority = Authority::new();
    for (answer, holds) in [(&b""[..], true), (b"S", true), (b"S", false), (b"", false)] {
        let began = Instant::now();
        let config = at_once(checked(&answers(answer, holds), authority.file()));
        let (error, all) = refused(&config, vec![]).await;
        assert!(matches!(error, OpenError::Unreachable { .. }), "{answer:?} {holds}: {all}");
        assert!(began.elapsed() < Duration::from_secs(3), "{answer:?} {holds}: {:?}", began.elapsed());
    }
    let config = checked(&answers(b"Sthis is no TLS at all", true), authority.file());
    let (error, all) = refused(&config, vec![]).await;
    assert!(matches!(error, OpenError::Tls { .. }), "{all}");
}
