//! What changed in a shop, asked for as often as it takes.

use wom_sdk::{
    instrument::Cursor,
    merchant::{Merchant, OrderId},
};

/// All that changed, in as many calls as it takes: what is read again comes round.
pub(crate) async fn listed(
    adapter: &impl Merchant,
    since: Option<Cursor>,
) -> (Vec<OrderId>, Option<Cursor>) {
    let (mut found, mut cursors) = (Vec::new(), vec![since]);
    for _ in 0..50 {
        let since = cursors.last().cloned().flatten();
        let (more, next) = adapter.orders(since).await.unwrap();
        found.extend(more);
        if cursors.contains(&next) {
            found.sort();
            found.dedup();
            return (found, next);
        }
        cursors.push(next);
    }
    panic!("it never ends");
}
