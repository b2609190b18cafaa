use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::{Service, ports};
use crate::backends::{Backends, Carrier, Database, Nats, Postgres};

/// Of a service's replica; several shops share a server that takes 300.
const CONNECTIONS: &str = "4";

/// Where a shop's data is, and what carries its events. All of it goes with this value.
#[derive(Debug)]
pub(super) struct Home {
    databases: Option<Databases>,
    pub(super) nats: Option<Nats>,
    folder: TempDir,
}

impl Home {
    /// With empty databases; NATS is down.
    pub(super) fn new(backends: Backends) -> Result<Self> {
        let databases = match backends.database {
            Database::Sqlite => None,
            Database::Postgres => Some(Databases::on(Postgres::of_this_run()?)?),
            Database::OwnPostgres => Some(Databases::on(Postgres::start_own(ports::free()?)?)?),
        };
        let nats = match backends.carrier {
            Carrier::Feed => None,
            Carrier::Nats => Some(Nats::new(ports::free()?)?),
        };
        Ok(Self { databases, nats, folder: TempDir::with_prefix("madang-tests-")? })
    }

    /// Starts what carries events, unless it runs.
    pub(super) async fn open(&mut self) -> Result<()> {
        match &mut self.nats {
            Some(nats) if !nats.is_up() => nats.start().await,
            _ => Ok(()),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn postgres(&mut self) -> Option<&mut Postgres> {
        self.databases.as_mut().map(|databases| &mut databases.server)
    }

    /// Asks a service's database on PostgreSQL.
    pub(super) fn ask(&self, service: Service, sql: &str) -> Result<Vec<String>> {
        let databases = self.databases.as_ref().context("there is no PostgreSQL")?;
        databases.server.ask(&databases.name(service), sql)
    }

    /// Keeps a copy of a service's database, or has it as it was then again. The service must be down.
    pub(super) fn copy(&self, service: Service, copy: Copy) -> Result<()> {
        match &self.databases {
            None => copy_files(&self.file(service), copy),
            Some(databases) => databases.copy(service, copy),
        }
    }

    /// Gives a service an empty database in place of its own.
    pub(super) fn forget(&self, service: Service) -> Result<()> {
        if let Some(databases) = &self.databases {
            let name = databases.name(service);
            databases.server.drop(&name)?;
            return databases.server.create(&name);
        }
        let file = format!("{service}.db");
        for entry in std::fs::read_dir(self.folder())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&file) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// What a service is told of it.
    pub(super) fn settings(&self, service: Service) -> Vec<(String, String)> {
        if !service.owns_data() {
            return Vec::new();
        }
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let database = match &self.databases {
            None => format!("sqlite:{}", self.file(service).display()),
            Some(databases) => databases.server.url(&databases.name(service)),
        };
        let mut told = vec![
            pair("MADANG_DATABASE", database),
            pair("MADANG_DATABASE_CONNECTIONS", CONNECTIONS.to_owned()),
        ];
        told.extend(self.nats.as_ref().map(|nats| pair("MADANG_NATS_URL", nats.url())));
        told
    }

    fn file(&self, service: Service) -> PathBuf {
        self.folder.path().join(format!("{service}.db"))
    }
}

/// Which way a copy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copy {
    Out,
    Back,
}

/// With the log beside it: it may have what the file has not yet.
fn copy_files(file: &Path, copy: Copy) -> Result<()> {
    for part in ["", "-wal"] {
        let name = |suffix: &str| PathBuf::from(format!("{}{part}{suffix}", file.display()));
        let (from, to) = match copy {
            Copy::Out => (name(""), name(".old")),
            Copy::Back => (name(".old"), name("")),
        };
        match from.exists() {
            true => std::fs::copy(&from, &to).map(drop)?,
            false if to.exists() => std::fs::remove_file(&to)?,
            false => {}
        }
    }
    Ok(())
}

/// A database for each service, dropped at the end.
#[derive(Debug)]
struct Databases {
    server: Postgres,
    prefix: String,
}

impl Databases {
    fn on(server: Postgres) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("shop_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let databases = Self { server, prefix };
        for service in Service::ALL.into_iter().filter(|service| service.owns_data()) {
            databases.server.create(&databases.name(service))?;
        }
        Ok(databases)
    }

    fn name(&self, service: Service) -> String {
        format!("{}_{service}", self.prefix)
    }

    fn copy(&self, service: Service, copy: Copy) -> Result<()> {
        let (name, old) = (self.name(service), format!("{}_old", self.name(service)));
        let (from, to) = if copy == Copy::Out { (name, old) } else { (old, name) };
        self.server.drop(&to)?;
        self.server.ask("postgres", &format!("CREATE DATABASE {to} TEMPLATE {from}")).map(drop)
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        for service in Service::ALL.into_iter().filter(|service| service.owns_data()) {
            // The server may be dead, by the test's hand.
            let name = self.name(service);
            let _dropped = [name.clone(), format!("{name}_old")].map(|name| self.server.drop(&name).is_ok());
        }
    }
}
