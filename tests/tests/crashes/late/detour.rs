//! A way to a service on which the first connection is held up, and delivered later, whatever became of who made it.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use madang_tests::wait::PATIENCE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// The first connection is held up, and others are refused.
    Waiting,
    /// It has brought a whole request.
    Held,
    /// Others pass.
    Through,
    /// What was held up is delivered.
    Delivered,
}

/// The detour. It is open while its [`Detour::run`] is.
#[derive(Debug)]
pub(super) struct Detour {
    listener: TcpListener,
    to: u16,
    stage: watch::Sender<Stage>,
}

impl Detour {
    /// To a port of this machine.
    pub(super) async fn open(to: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { listener, to, stage: watch::Sender::new(Stage::Waiting) })
    }

    pub(super) fn url(&self) -> Result<String> {
        Ok(format!("http://{}", self.listener.local_addr()?))
    }

    /// Waits until a whole request is held.
    pub(super) async fn request_held(&self) -> Result<()> {
        let mut stage = self.stage.subscribe();
        let held = timeout(PATIENCE, stage.wait_for(|stage| *stage >= Stage::Held)).await;
        held.context("no request came").map(drop)
    }

    /// Lets further connections pass.
    pub(super) fn let_through(&self) {
        self.stage.send_replace(Stage::Through);
    }

    /// Delivers what was held up.
    pub(super) fn deliver(&self) {
        self.stage.send_replace(Stage::Delivered);
    }

    /// Serves while a story is lived.
    pub(super) async fn run<T>(&self, story: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            told = story => told,
            served = self.serve() => match served? {},
        }
    }

    async fn serve(&self) -> Result<Infallible> {
        let mut connections = JoinSet::new();
        let (first, _) = self.listener.accept().await?;
        connections.spawn(hold(first, self.to, self.stage.clone()));
        loop {
            let (other, _) = self.listener.accept().await?;
            if *self.stage.borrow() >= Stage::Through {
                connections.spawn(pass(other, self.to));
            }
        }
    }
}

async fn pass(mut from: TcpStream, to: u16) -> io::Result<()> {
    let mut there = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await?;
    tokio::io::copy_bidirectional(&mut from, &mut there).await.map(drop)
}

async fn hold(mut from: TcpStream, to: u16, stage: watch::Sender<Stage>) -> io::Result<()> {
    let mut held = Vec::new();
    while !has_request(&held) {
        if from.read_buf(&mut held).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    stage.send_replace(Stage::Held);
    let mut delivered = stage.subscribe();
    if delivered.wait_for(|stage| *stage == Stage::Delivered).await.is_err() {
        return Ok(());
    }
    // Who sent it is dead, which the service cannot see: it answers.
    let mut there = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await?;
    there.write_all(&held).await?;
    tokio::io::copy(&mut there, &mut tokio::io::sink()).await.map(drop)
}

/// Whether an HTTP/2 client has sent a request to its end: a frame of data that ends its stream.
fn has_request(sent: &[u8]) -> bool {
    const PREFACE: usize = 24;
    const DATA: u8 = 0;
    const END_STREAM: u8 = 1;
    let mut rest = sent.get(PREFACE..).unwrap_or_default();
    while let [a, b, c, kind, flags, _, _, _, _, after @ ..] = rest {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let Some(next) = after.get(length..) else { return false };
        if *kind == DATA && flags & END_STREAM != 0 {
            return true;
        }
        rest = next;
    }
    false
}

#[test]
fn a_request_is_whole_with_the_data_that_ends_it() {
    let frame = |kind: u8, flags: u8, payload: &[u8]| {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
    };
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let (settings, headers, data) = (frame(4, 0, &[]), frame(1, 4, b"path"), frame(0, 1, b"message"));
    let whole = [preface, settings, headers, data].concat();
    assert!(has_request(&whole));
    for cut in 0..whole.len() {
        assert!(!has_request(&whole[..cut]), "cut at {cut}");
    }
}
