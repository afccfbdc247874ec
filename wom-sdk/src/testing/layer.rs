//! A store around another one, for tests that change one thing of it.

use async_trait::async_trait;

use crate::{
    Result, Timestamp,
    award::{Account, AwardKey},
    checkout::{CheckoutId, CheckoutRecord},
    privacy::{Cohort, Participant},
    sale::{OrderKey, Poster, Sale, SaleId, ShopId},
    store::{
        AwardRecord, Commit, Committed, CursorRecord, DeliveryId, DeliveryRecord, Drawn, Holding,
        Listed, Numbers, Owner, Rate, Store, Which,
    },
};

/// What a [`Layered`] store does otherwise than the store inside it: whatever a layer does not
/// write itself is passed on.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use wom_sdk::{
///     Result,
///     store::{MemoryStore, Owner, Store},
///     testing::{Layered, StoreLayer},
/// };
///
/// /// Takes everybody for its owner.
/// #[derive(Debug)]
/// struct Trusting(MemoryStore);
///
/// #[async_trait::async_trait]
/// impl StoreLayer for Trusting {
///     fn inner(&self) -> &dyn Store {
///         &self.0
///     }
///
///     async fn bind(&self, _: &Owner) -> Result<()> {
///         Ok(())
///     }
/// }
///
/// let store = Layered(Trusting(MemoryStore::new()));
/// # let owner = |keys: &str| Owner {
/// #     identity: wom_sdk::award::Identity { registry: String::new(), source: String::new() },
/// #     keys: keys.to_owned(),
/// # };
/// store.bind(&owner("mine")).await.unwrap();
/// store.bind(&owner("another's")).await.unwrap();
/// # });
/// ```
#[derive(Debug)]
pub struct Layered<L>(pub L);

/// The trait and the store from one list of all that a store does.
macro_rules! layer {
    ($($name:ident($($value:ident: $what:ty),*) -> $answer:ty;)+) => {
        /// One layer of a [`Layered`] store.
        #[async_trait]
        pub trait StoreLayer: std::fmt::Debug + Send + Sync {
            /// The store that calls are passed on to.
            fn inner(&self) -> &dyn Store;

            $(
                #[doc = concat!("Passes [`Store::", stringify!($name), "`] on.")]
                async fn $name(&self, $($value: $what),*) -> Result<$answer> {
                    self.inner().$name($($value),*).await
                }
            )+
        }

        #[async_trait]
        impl<L: StoreLayer> Store for Layered<L> {
            $(
                async fn $name(&self, $($value: $what),*) -> Result<$answer> {
                    self.0.$name($($value),*).await
                }
            )+
        }
    };
}

// A method that has a default in `Store` belongs here too, or the default hides the inner one's.
layer! {
    bind(owner: &Owner) -> ();
    participant(participant: Participant) -> Holding;
    commit(commit: Commit) -> Committed;
    begin(record: &AwardRecord) -> bool;
    award(key: AwardKey) -> Option<AwardRecord>;
    advance(record: &AwardRecord) -> bool;
    due(now: Timestamp, limit: usize) -> Vec<AwardRecord>;
    claim(now: Timestamp, until: Timestamp, limit: usize) -> Vec<AwardRecord>;
    awards_of(participant: Participant) -> Vec<AwardRecord>;
    unacknowledged(after: Option<AwardKey>, limit: usize) -> Vec<AwardRecord>;
    waking(now: Timestamp, limit: usize) -> Vec<Participant>;
    claim_waking(now: Timestamp, until: Timestamp, limit: usize) -> Vec<Participant>;
    uncollected(cohort: Cohort) -> bool;
    forget(cohort: Cohort) -> u64;
    erase(participant: Participant) -> ();
    numbers() -> Numbers;
    delivery(id: DeliveryId) -> Option<DeliveryRecord>;
    put_delivery(record: &DeliveryRecord) -> bool;
    due_deliveries(now: Timestamp, limit: usize) -> Vec<DeliveryRecord>;
    undone_deliveries(after: Option<DeliveryId>, limit: usize) -> Vec<DeliveryRecord>;
    forget_deliveries(before: Timestamp) -> u64;
    cursor(source: &str) -> Option<CursorRecord>;
    put_cursor(record: &CursorRecord) -> bool;
    draw(name: &str, rate: Rate, wanted: u32, now: Timestamp) -> Drawn;
    checkout(id: CheckoutId) -> Option<CheckoutRecord>;
    put_checkout(record: &CheckoutRecord) -> bool;
    due_checkouts(now: Timestamp, limit: usize) -> Vec<CheckoutRecord>;
    sale(id: SaleId) -> Option<Sale>;
    put_sale(sale: &Sale) -> bool;
    due_sales(now: Timestamp, limit: usize) -> Vec<Sale>;
    sales(shop: ShopId, which: Which, after: Option<SaleId>, limit: usize) -> Vec<Sale>;
    sales_of(order: OrderKey) -> Vec<Sale>;
    sales_paid_by(checkout: CheckoutId) -> Vec<Sale>;
    poster(id: CheckoutId) -> Option<Poster>;
    put_poster(poster: &Poster) -> bool;
    due_posters(now: Timestamp, limit: usize) -> Vec<Poster>;
    posters(shop: ShopId) -> Vec<Poster>;
    awards(after: Option<AwardKey>, limit: usize) -> Vec<Listed<AwardKey, AwardRecord>>;
    accounts(after: Option<Participant>, limit: usize) -> Vec<Listed<Participant, Vec<Account>>>;
    close() -> ();
}
