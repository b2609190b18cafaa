//! A disk that is full for a while.

use madang_tests::backends::{Backends, skipped};
use madang_tests::load::{Behaviour, Load, UNLIMITED};
use madang_tests::random;
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, Shop};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

use crate::{counted, is_long, local};

const BETWEEN: u64 = 10;
/// Refusals that are seen before there is room again.
const REFUSED: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_calls_by_name_and_everything_goes_on_when_there_is_room() {
    let disk = match local().and_then(|()| Disk::mount(64)) {
        Ok(disk) => disk,
        Err(why) => return skipped("a_full_disk_refuses_calls_by_name", &why),
    };
    let owners = Service::ALL.into_iter().filter(|service| service.owns_data());
    let places: Vec<_> = owners.map(|service| (service, disk.database(service))).collect();
    let mut settings: Vec<_> =
        places.iter().map(|(service, place)| (*service, "MADANG_DATABASE", place.as_str())).collect();
    settings.extend_from_slice(UNLIMITED);
    let mut shop = Shop::open_on(Backends::LOCAL, &settings).await.unwrap();
    let load = Load::start(&shop, Behaviour::moody(random::seed())).await.unwrap();
    let rounds = if is_long() { 10 } else { 2 };
    for round in 1..=rounds {
        load.progress(BETWEEN).await.unwrap();
        disk.fill();
        let refused = async || {
            let errors = load.errors();
            let by_name = errors.get("lost Unavailable DATABASE_UNAVAILABLE").copied().unwrap_or_default();
            Ok((by_name >= round * REFUSED).then_some(()))
        };
        wait::until("calls to be refused", PATIENCE, refused).await.unwrap();
        assert_eq!(shop.ended(), [""; 0], "no process ends because of it");
        disk.make_room();
        load.progress(BETWEEN).await.unwrap();
    }
    let outcome = load.settle(&shop).await.unwrap();
    assert_eq!(shop.ended(), [""; 0]);
    // Each refusal has a reason, and none is a defect.
    let internal = outcome.errors.keys().filter(|error| error.contains("Internal")).collect::<Vec<_>>();
    assert_eq!(internal, [""; 0]);
    counted("disk", &format!("the disk was full {rounds} times: {outcome}"));
}

/// A small filesystem in memory. It goes with this value.
struct Disk(TempDir);

impl Disk {
    fn mount(mebibytes: u32) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let size = format!("size={mebibytes}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        match mount {
            Ok(output) if output.status.success() => Ok(Self(folder)),
            Ok(output) => Err(format!("needs to mount: {}", String::from_utf8_lossy(&output.stderr).trim())),
            Err(error) => Err(format!("needs mount: {error}")),
        }
    }

    fn database(&self, service: Service) -> String {
        format!("sqlite:{}/{service}.db", self.0.path().display())
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    /// Writes until there is no room.
    fn fill(&self) {
        fill(&self.ballast());
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

fn fill(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    // Nothing more fits than this.
    let full = std::io::copy(&mut std::io::repeat(0), &mut file).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process may still hold a file when a test fails.
        let _unmounted = Command::new("umount").arg("-l").arg(self.0.path()).output().is_ok();
    }
}
