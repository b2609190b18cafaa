use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Whose signature a server's certificate needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// That of the authorities in this file, and nobody else's.
    File(PathBuf),
    /// That of the authorities which the system trusts.
    System,
}

/// Why a server cannot be checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadRoots {
    #[error("--database-ca: {} cannot be used", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("the system trusts no authority")]
    System,
}

impl Roots {
    /// Reads them anew for each connection: a renewed authority needs no restart.
    pub(crate) fn read(&self) -> Result<RootCertStore, BadRoots> {
        let path = match self {
            Self::File(path) => path,
            Self::System => {
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                return if store.is_empty() { Err(BadRoots::System) } else { Ok(store) };
            }
        };
        authorities(path).map_err(|error| BadRoots::File(path.clone(), error))
    }
}

/// The authorities in a file: at least one, and each of them sound.
pub(crate) fn authorities(path: &Path) -> io::Result<RootCertStore> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let pem = fs::read(path)?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| wrong("its PEM is damaged"))?;
        store.add(certificate).map_err(|_| wrong("a certificate in it is damaged"))?;
    }
    if store.is_empty() { Err(wrong("it holds no certificate in PEM")) } else { Ok(store) }
}
