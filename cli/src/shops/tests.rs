use wom_sdk::merchant::Discount;

use super::*;

const GOOD: &str = r#"
    pos = "till"
    merchant = "pos.manual"
    title = "Bar Ducale"
    language = "it"
    [rules]
    floor = 50
    late = ["record_only"]
    [offers.coffee]
    title = "Un caffè in meno"
    amount = 15
    aim = "H"
    max_age_days = 30
    bounds = ["43.80,12.50", "43.60,12.70"]
    patience_seconds = 60
    discount.amount = "1.20"
    [offers.all]
    title = "12.5 % off"
    amount = 60
    discount.percent = 12.5
"#;

fn read(text: &str) -> Result<Shop> {
    let table = ShopTable(text.parse().unwrap());
    Shop::read("bar", &table, Path::new("/town"), &Catalog::standard())
}

#[test]
fn a_shop_is_read_with_all_that_it_can_say() {
    let shop = read(GOOD).unwrap();
    assert_eq!((shop.pos.as_str(), shop.currency.code()), ("till", "EUR"));
    assert_eq!(shop.language, Some(Language::Italian));
    assert_eq!(shop.rules.floor, 50);
    let coffee = &shop.offers["coffee"];
    assert_eq!(coffee.discount, Discount::Amount(120));
    assert_eq!(
        (coffee.charge.amount, coffee.charge.patience_ms),
        (15, 60_000)
    );
    let filter = coffee.charge.filter.as_ref().unwrap();
    assert_eq!(filter.aim_prefix(), Some("H"));
    assert!(filter.within().is_some() && filter.max_age().is_some());
    let all = &shop.offers["all"];
    assert_eq!(all.discount, Discount::BasisPoints(1_250));
    assert_eq!(all.charge.filter, None);
}

#[test]
fn a_command_line_tells_of_offers() {
    let euro = Currency::new("EUR").unwrap();
    let read = |text| offer_of(text, euro, "off");
    let two = read("15=2").unwrap();
    assert_eq!(
        (two.title.as_str(), two.charge.amount),
        ("2.00 EUR off", 15)
    );
    assert_eq!(two.discount, Discount::Amount(200));
    let tenth = read(" 30 = 12.5% ").unwrap();
    assert_eq!(
        (tenth.title.as_str(), tenth.discount),
        ("12.5% off", Discount::BasisPoints(1_250))
    );
    for text in [
        "", "15", "15=", "=2", "0=2", "x=2", "15=0", "15=101%", "15=%", "2000=1",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_table_its_field_and_what_to_do() {
    for (good, bad, table, field, hint) in [
        (
            "pos = \"till\"",
            "",
            "shops.bar",
            "pos",
            "name one of the POS",
        ),
        (
            "language =",
            "langage =",
            "shops.bar",
            "langage",
            "did you mean language?",
        ),
        ("\"it\"", "\"de\"", "shops.bar", "language", ""),
        (
            "pos.manual",
            "pos.manuel",
            "shops.bar",
            "merchant",
            "did you mean pos.manual?",
        ),
        (
            "title = \"Bar Ducale\"",
            "currency = \"euro\"",
            "shops.bar",
            "currency",
            "such as EUR",
        ),
        (
            "floor = 50",
            "flor = 50",
            "shops.bar.rules",
            "flor",
            "did you mean floor?",
        ),
        ("floor = 50", "floor = -1", "shops.bar.rules", "floor", ""),
        (
            "amount = 15",
            "amunt = 15",
            "shops.bar.offers.coffee",
            "amunt",
            "did you mean amount?",
        ),
        (
            "amount = 15",
            "amount = 0",
            "shops.bar.offers.coffee",
            "amount",
            "",
        ),
        (
            "amount = 15",
            "amount = \"x\"",
            "shops.bar.offers.coffee",
            "amount",
            "",
        ),
        (
            "aim = \"H\"",
            "aim = \"!\"",
            "shops.bar.offers.coffee",
            "aim",
            "",
        ),
        (
            "\"43.80,12.50\"",
            "\"43.20,12.50\"",
            "shops.bar.offers.coffee",
            "bounds",
            "north-west",
        ),
        (
            "patience_seconds = 60",
            "patience_seconds = 1",
            "shops.bar.offers.coffee",
            "patience_seconds",
            "300",
        ),
        (
            "discount.amount = \"1.20\"",
            "discount.amount = 1.2",
            "shops.bar.offers.coffee.discount",
            "amount",
            "amount = \"2.00\"",
        ),
        (
            "discount.amount = \"1.20\"",
            "discount.amount = \"1,234\"",
            "shops.bar.offers.coffee.discount",
            "amount",
            "12.50",
        ),
        (
            "discount.amount = \"1.20\"",
            "",
            "shops.bar.offers.coffee",
            "discount",
            "discount.percent = 10",
        ),
        (
            "discount.amount = \"1.20\"",
            "discount = 5",
            "shops.bar.offers.coffee.discount",
            "",
            "[shops.bar.offers.coffee.discount]",
        ),
        (
            "discount.percent = 12.5",
            "discount = {percent = 5, amount = \"1\"}",
            "shops.bar.offers.all.discount",
            "percent",
            "leave one",
        ),
        (
            "discount.percent = 12.5",
            "discount.percent = 101",
            "shops.bar.offers.all.discount",
            "percent",
            "12.5",
        ),
        (
            "discount.percent = 12.5",
            "discount.percent = 0.001",
            "shops.bar.offers.all.discount",
            "percent",
            "two digits",
        ),
        (
            "discount.percent = 12.5",
            "discount.percent = -5",
            "shops.bar.offers.all.discount",
            "percent",
            "two digits",
        ),
        (
            "discount.percent = 12.5",
            "discount.percent = nan",
            "shops.bar.offers.all.discount",
            "percent",
            "two digits",
        ),
        (
            "title = \"12.5 % off\"",
            "title = \" x\"",
            "shops.bar.offers.all",
            "title",
            "one line",
        ),
        (
            "title = \"12.5 % off\"",
            "",
            "shops.bar.offers.all",
            "title",
            "beside the code",
        ),
    ] {
        assert!(GOOD.contains(good), "{good}");
        let error = read(&GOOD.replacen(good, bad, 1)).unwrap_err();
        let told = |name| error.context().find(|(context, _)| *context == name);
        assert_eq!(told("table"), Some(("table", table)), "{bad}: {error}");
        assert_eq!(
            told("field").map_or("", |(_, field)| field),
            field,
            "{bad}: {error}"
        );
        let all = format!("{error} {}", error.advice().unwrap_or_default());
        assert!(all.contains(hint), "{bad}: {all}");
    }
}
