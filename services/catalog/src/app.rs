//! One function for each use case. Reads are of the catalogue in memory; the one write looks up the repeat, writes in one
//! transaction, and brings the catalogue up to date before it answers.

use std::sync::Arc;

use jiff::Timestamp;
use madang_chassis::{Platform, chain};
use madang_db::{Db, Kind, Tx};
use madang_events::requests::{self, Fingerprint, Request};
use madang_types::{Clock, ProductId, RequestId};
use tokio::sync::{Mutex, watch};

use crate::Shipped;
use crate::domain::{Catalogue, Entry, Product, Tag};
use crate::store;

/// Products read in one query.
const READ_AT_ONCE: i64 = 1_000;

/// Why a use case was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such product.
    #[error("there is no product {0}")]
    UnknownProduct(ProductId),
    /// Some of the products asked for are not there.
    #[error("some products are not there")]
    UnknownProducts(Vec<ProductId>),
    /// The same request_id came with other content.
    #[error("the key was used for another request")]
    Reused,
    /// The database failed.
    #[error("the database failed")]
    Db(#[from] madang_db::Error),
}

impl From<requests::Error> for Error {
    fn from(error: requests::Error) -> Self {
        match error {
            requests::Error::Reused => Self::Reused,
            requests::Error::Db(error) => Self::Db(error),
        }
    }
}

/// Asks to write a product.
#[derive(Debug, Clone)]
pub struct Upsert {
    /// Names this write.
    pub request: RequestId,
    /// What the product is to be.
    pub product: Product,
}

/// The use cases of catalog.
#[derive(Debug, Clone)]
pub struct App {
    db: Db,
    clock: Arc<dyn Clock>,
    memory: Arc<Memory>,
}

#[derive(Debug)]
struct Memory {
    catalogue: watch::Sender<Arc<Catalogue>>,
    /// Held while the database is read, so that a later catalogue is never replaced by an earlier one.
    reading: Mutex<()>,
}

impl App {
    /// Over a database, with the platform's clock. An empty database gets the shipped products; one that holds any stays as
    /// it is. All of them are in memory then.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn load(db: Db, platform: &Platform, shipped: Shipped) -> Result<Self, Error> {
        let Shipped { products, categories } = shipped;
        let catalogue = watch::Sender::new(Arc::new(Catalogue::empty(categories)));
        let memory = Arc::new(Memory { catalogue, reading: Mutex::new(()) });
        let app = Self { db, clock: Arc::clone(&platform.clock), memory };
        app.seed(products).await?;
        app.refresh().await?;
        Ok(app)
    }

    /// All products as they are now.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.memory.catalogue.borrow().clone()
    }

    /// Changes with each new catalogue.
    pub fn changes(&self) -> watch::Receiver<Arc<Catalogue>> {
        self.memory.catalogue.subscribe()
    }

    /// One product.
    ///
    /// # Errors
    /// [`Error::UnknownProduct`].
    pub fn product(&self, id: ProductId) -> Result<Arc<Entry>, Error> {
        self.catalogue().get(&id).cloned().ok_or(Error::UnknownProduct(id))
    }

    /// Several products, in the order of their ids here, of one state of the catalogue.
    ///
    /// # Errors
    /// [`Error::UnknownProducts`] with all that are not there.
    pub fn products(&self, ids: Vec<ProductId>) -> Result<Vec<Arc<Entry>>, Error> {
        let catalogue = self.catalogue();
        let found: Vec<_> = ids.iter().filter_map(|id| catalogue.get(id).cloned()).collect();
        if found.len() == ids.len() {
            return Ok(found);
        }
        Err(Error::UnknownProducts(ids.into_iter().filter(|id| catalogue.get(id).is_none()).collect()))
    }

    /// Creates a product or replaces it whole; a repeat gives the product as it is now.
    ///
    /// # Errors
    /// [`Error::Reused`], [`Error::Db`].
    pub async fn upsert(&self, command: Upsert) -> Result<Entry, Error> {
        let now = self.clock.now();
        let fingerprint = fingerprint(&command.product);
        let write = move |tx: &mut Tx<'_>| upsert(tx, &command, &fingerprint, now);
        let entry = self.db.write(Kind::Request, write).await?;
        if let Err(error) = self.refresh().await {
            // The write is done, whatever became of this read; the next look finds it.
            tracing::warn!(error = chain(&error), "the product is written but not yet read");
        }
        Ok(entry)
    }

    /// Brings the catalogue in memory up to date with the database; tells how many products were read. It costs one look into
    /// an index where nothing was written.
    ///
    /// # Errors
    /// [`Error::Db`]; the catalogue stays as it is.
    pub async fn refresh(&self) -> Result<usize, Error> {
        let _reading = self.memory.reading.lock().await;
        let known = self.catalogue();
        let (mut changed, mut version) = (Vec::new(), known.version());
        loop {
            let read = move |tx: &mut Tx<'_>| store::written_after(tx, version, READ_AT_ONCE);
            let Some(rows) = Some(self.db.read(read).await?).filter(|rows| !rows.is_empty()) else { break };
            version = rows.last().map_or(version, store::Versioned::version);
            changed.extend(rows.into_iter().map(|row| row.value));
        }
        let count = changed.len();
        if count > 0 {
            self.memory.catalogue.send_replace(Arc::new(known.with(changed, version)));
        }
        Ok(count)
    }

    /// Writes the products into an empty database. They are in memory then, without being read again.
    async fn seed(&self, products: Vec<Product>) -> Result<(), Error> {
        let now = self.clock.now();
        let write = move |tx: &mut Tx<'_>| {
            if !store::is_empty(tx)? {
                return Ok(None);
            }
            let entries: Vec<_> = products.iter().map(|product| entry(product, now)).collect();
            let version = store::insert_all(tx, &entries)?;
            Ok(Some((entries, version)))
        };
        let seeded = self.db.write::<_, madang_db::Error, _>(Kind::Request, write).await?;
        if let Some((entries, version)) = seeded {
            self.memory.catalogue.send_replace(Arc::new(self.catalogue().with(entries, version)));
        }
        Ok(())
    }
}

fn upsert(tx: &mut Tx<'_>, command: &Upsert, print: &Fingerprint, now: Timestamp) -> Result<Entry, Error> {
    let Upsert { request, product } = command;
    let request = Request { rpc: "UpsertProduct", id: *request, fingerprint: print };
    let repeated = requests::check(tx, &request)?.is_some();
    let found = store::entry_to_change(tx, &product.id)?;
    if let (true, Some(found)) = (repeated, &found) {
        return Ok(found.value.clone());
    }
    let entry = entry(product, now);
    match &found {
        Some(found) => store::update(tx, &found.with(entry.clone()))?,
        None => store::insert(tx, &entry)?,
    }
    requests::keep(tx, &request, product.id.as_str().as_bytes(), now)?;
    Ok(entry)
}

/// A product as it is written now. The database keeps microseconds, so the first answer says no more than the repeat.
fn entry(product: &Product, now: Timestamp) -> Entry {
    let updated = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
    Entry { product: product.clone(), updated }
}

/// Version 1 of the fields that a client sets; the tags come last, since their number varies.
fn fingerprint(product: &Product) -> Fingerprint {
    let Product { id, name, description, category, tags, price, weight } = product;
    let money = price.money();
    let currency = money.currency();
    let (price, weight) = (money.minor_units().to_be_bytes(), weight.get().to_be_bytes());
    let fields = [
        id.as_str().as_bytes(),
        name.en.as_str().as_bytes(),
        name.ko.as_str().as_bytes(),
        description.en.as_str().as_bytes(),
        description.ko.as_str().as_bytes(),
        category.as_str().as_bytes(),
        &price,
        currency.as_str().as_bytes(),
        &weight,
    ];
    let tags = tags.as_slice().iter().map(Tag::as_str).map(str::as_bytes);
    Fingerprint::new(1, &fields.into_iter().chain(tags).collect::<Vec<_>>())
}
