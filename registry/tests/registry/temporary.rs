//! A Registry in a temporary directory.

use wom_registry::TestRegistry;
use wom_sdk::{
    Kind, award::Request, cash_desk::CashDesk, checkout::Charge, dispatcher::Dispatcher,
};

#[tokio::test]
async fn it_serves_an_instrument_a_pos_and_a_wallet_and_is_gone_in_the_end() {
    let registry = TestRegistry::temporary().await.unwrap();
    let dir = registry.dir().to_owned();
    let aim = "H".parse().unwrap();
    let instrument = registry.instrument("A test", &[aim]).await.unwrap();
    let pos = registry.pos("Caffè", "Counter").await.unwrap();
    let (pocket, gateway) = registry.pocket().unwrap();
    let again = registry.pocket().unwrap_err();
    assert_eq!(again.kind(), Kind::StoreLocked);

    let awards = Dispatcher::in_memory(instrument).await.unwrap();
    let walk = Request::new(aim, 20, "43.7263,12.6366".parse().unwrap());
    let given = awards.award("walk", &walk).await.unwrap();
    let code = given.vouchers();
    let redeemed = pocket.redeem(&gateway, &code, &given.pin, None).await;
    assert_eq!(redeemed.unwrap().vouchers, 20);
    let desk = CashDesk::in_memory(pos).unwrap();
    let asked = desk.charge("order", &Charge::new(15).unwrap()).await;
    let asked = asked.unwrap();
    let paid = pocket.pay(&gateway, &asked.payment(), &asked.pin).await;
    assert_eq!(paid.unwrap().amount, 15);
    assert_eq!(registry.books().await.unwrap().total.spent, 15);

    drop(pocket);
    assert!(dir.exists());
    registry.stop().await.unwrap();
    assert!(!dir.exists(), "it is left");
}
