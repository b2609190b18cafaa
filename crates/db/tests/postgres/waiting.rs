//! A server that is not there yet when its service starts.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use madang_db::{Config, OpenError};

use crate::open::refused;
use crate::server::Server;
use crate::{at_once, config, database, inserted, opened};

#[tokio::test]
async fn a_server_that_starts_later_is_waited_for() {
    drop(database!("a_server_that_starts_later_is_waited_for"));
    let server = Server::new();
    server.stop();
    let config = config(&server.url());
    let (error, all) = refused(&at_once(config.clone()), vec![]).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{all}");
    let (db, ()) = tokio::join!(opened(&config), async { server.start() });
    inserted(&db, 1).await.unwrap();
}

/// Says, as a server does that recovers, that it takes no connections; the URL's port.
fn recovering() -> Config {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut startup) = (client.unwrap(), [0; 1024]);
            drop(client.read(&mut startup));
            let fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            drop(client.write_all(&[b"E", &length[..], fields].concat()));
        }
    });
    config(&format!("postgres://u:secret@{address}/n"))
}

#[tokio::test]
async fn a_server_that_is_starting_is_named() {
    let (error, all) = refused(&at_once(recovering()), vec![]).await;
    assert!(matches!(error, OpenError::Starting { .. }), "{all}");
    assert!(all.contains("takes no connections now") && all.contains("is starting up"), "{all}");
}
