//! A real Vendure, with staff and shoppers that work in it by its own interfaces.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use reqwest::Client;
use serde_json::{Value, json};
use wom_adapter_pos::{Vendure, VendureConfig, vendure::Passwords};
use wom_sdk::{
    Result,
    merchant::{Merchant as _, Order, OrderId},
};
use zeroize::Zeroizing;

/// A shop of its own, until it is dropped.
#[derive(Debug)]
pub(crate) struct Shop {
    server: Child,
    base: String,
    staff: Shopper,
    /// Whether the session may be over before the next call.
    short: bool,
}

/// Somebody with a session of their own.
#[derive(Debug)]
pub(crate) struct Shopper {
    client: Client,
    url: String,
    token: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Password;

impl Passwords for Password {
    fn passwords(&self) -> Result<Vec<Zeroizing<String>>> {
        // The first is an old one.
        let both = ["changed", "superadmin"];
        Ok(both.map(|it| Zeroizing::new(it.to_owned())).to_vec())
    }
}

impl Shop {
    /// Starts it; sessions of staff last so long.
    pub(crate) async fn start(session: &str) -> Self {
        let modules = env::var_os("WOM_VENDURE")
            .map(PathBuf::from)
            .expect("WOM_VENDURE names the folder with the packages of tests/vendure");
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut server = Command::new("node")
            .arg(root.join("tests/vendure/server.js"))
            .env("NODE_PATH", modules.join("node_modules"))
            .env("SESSION", session)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(server.stdout.take().unwrap());
        let port = out
            .lines()
            .map_while(|line| line.ok())
            .find_map(|line| line.strip_prefix("READY ")?.parse::<u16>().ok())
            .expect("the shop starts");
        let base = format!("http://127.0.0.1:{port}");
        let staff = Shopper::at(format!("{base}/admin-api"));
        Self {
            server,
            base,
            staff,
            short: session.ends_with('s'),
        }
    }

    pub(crate) fn adapter(&self) -> Vendure {
        self.adapter_with(|_| ())
    }

    pub(crate) fn adapter_with(&self, change: impl FnOnce(&mut VendureConfig)) -> Vendure {
        let mut config = VendureConfig {
            address: self.base.clone(),
            username: "superadmin".to_owned(),
            ..VendureConfig::default()
        };
        change(&mut config);
        Vendure::with_passwords(config, Arc::new(Password)).unwrap()
    }

    pub(crate) fn shopper(&self) -> Shopper {
        Shopper::at(format!("{}/shop-api", self.base))
    }

    /// What staff does.
    pub(crate) async fn staff(&self, query: &str, variables: Value) -> Value {
        let is_first = self.staff.token.lock().unwrap().is_none();
        if is_first || self.short {
            let login =
                "mutation{it:login(username:\"superadmin\",password:\"superadmin\"){__typename}}";
            self.staff.ask(login, json!({})).await;
        }
        self.staff.ask(query, variables).await
    }

    /// A draft with so many tickets at 12.00.
    pub(crate) async fn draft(&self, tickets: u32) -> OrderId {
        let draft = self
            .staff("mutation{it:createDraftOrder{id}}", json!({}))
            .await;
        let id = draft["id"].as_str().unwrap().to_owned();
        let add = "mutation($id:ID!,$n:Int!){it:addItemToDraftOrder(orderId:$id,input:{productVariantId:\"1\",quantity:$n}){__typename}}";
        self.staff(add, json!({"id": id, "n": tickets})).await;
        OrderId(id)
    }

    /// Brings a draft to the point where it is paid.
    pub(crate) async fn check_out(&self, id: &OrderId) {
        let id = &id.0;
        let customer = "mutation($id:ID!){it:setCustomerForDraftOrder(orderId:$id,input:{firstName:\"T\",lastName:\"T\",emailAddress:\"till@example.org\"}){__typename}}";
        let address = "mutation($id:ID!){it:setDraftOrderShippingAddress(orderId:$id,input:{streetLine1:\"V\",countryCode:\"IT\"}){__typename}}";
        let shipping = "mutation($id:ID!){it:setDraftOrderShippingMethod(orderId:$id,shippingMethodId:\"1\"){__typename}}";
        for query in [customer, address, shipping] {
            self.staff(query, json!({"id": id})).await;
        }
        self.go(id, "ArrangingPayment").await;
    }

    /// Pays a draft at the till.
    pub(crate) async fn pay(&self, id: &OrderId) {
        self.check_out(id).await;
        let pay = "mutation($id:ID!){it:addManualPaymentToOrder(input:{orderId:$id,method:\"till\",transactionId:\"1\",metadata:{}}){__typename}}";
        let paid = self.staff(pay, json!({"id": id.0})).await;
        assert_eq!(paid["__typename"], "Order");
    }

    pub(crate) async fn cancel(&self, id: &OrderId) {
        let cancel =
            "mutation($id:ID!){it:cancelOrder(input:{orderId:$id,reason:\"test\"}){__typename}}";
        let cancelled = self.staff(cancel, json!({"id": id.0})).await;
        assert_eq!(cancelled["__typename"], "Order");
    }

    pub(crate) async fn go(&self, id: &str, state: &str) {
        let go = "mutation($id:ID!,$state:String!){it:transitionOrderToState(id:$id,state:$state){__typename}}";
        let gone = self.staff(go, json!({"id": id, "state": state})).await;
        assert_eq!(gone["__typename"], "Order", "{state}");
    }

    /// What staff sees of an order.
    pub(crate) async fn see(&self, id: &OrderId) -> Value {
        let see = "query($id:ID!){it:order(id:$id){state totalWithTax couponCodes discounts{amountWithTax} payments{refunds{total state}}}}";
        self.staff(see, json!({"id": id.0})).await
    }

    /// The ids of promotions with this code.
    pub(crate) async fn promotions(&self, code: &str) -> Vec<String> {
        let find = "query($code:String!){it:promotions(options:{filter:{couponCode:{eq:$code}}}){items{id}}}";
        let found = self.staff(find, json!({"code": code})).await;
        let ids = found["items"].as_array().unwrap().iter();
        ids.map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A promotion of 5.00 with this code, made by staff's own hand.
    pub(crate) async fn promote(&self, code: &str, more: Value) {
        let create =
            "mutation($input:CreatePromotionInput!){it:createPromotion(input:$input){__typename}}";
        let mut input = json!({
            "enabled": true,
            "couponCode": code,
            "usageLimit": 1,
            "conditions": [],
            "actions": [{"code": "order_fixed_discount", "arguments": [{"name": "discount", "value": "500"}]}],
            "translations": [{"languageCode": "en", "name": "By hand", "description": ""}],
        });
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        let made = self.staff(create, json!({"input": input})).await;
        assert_eq!(made["__typename"], "Promotion");
    }

    pub(crate) async fn put_on_draft(&self, id: &OrderId, code: &str) -> Value {
        let put = "mutation($id:ID!,$code:String!){it:applyCouponCodeToDraftOrder(orderId:$id,couponCode:$code){__typename}}";
        self.staff(put, json!({"id": id.0, "code": code})).await
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

impl Shopper {
    fn at(url: String) -> Self {
        Self {
            client: Client::builder().no_proxy().build().unwrap(),
            url,
            token: Mutex::default(),
        }
    }

    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Value {
        let mut asked = self
            .client
            .post(&self.url)
            .json(&json!({"query": query, "variables": variables}));
        if let Some(token) = &*self.token.lock().unwrap() {
            asked = asked.bearer_auth(token);
        }
        let answer = asked.send().await.unwrap();
        if let Some(token) = answer.headers().get("vendure-auth-token") {
            *self.token.lock().unwrap() = Some(token.to_str().unwrap().to_owned());
        }
        let mut answer: Value = answer.json().await.unwrap();
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"]["it"].take()
    }

    /// Puts so many tickets into the cart, and says its id.
    pub(crate) async fn shop(&self, tickets: u32) -> OrderId {
        let add = "mutation($n:Int!){it:addItemToOrder(productVariantId:\"1\",quantity:$n){__typename ... on Order{id}}}";
        let order = self.ask(add, json!({"n": tickets})).await;
        OrderId(order["id"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn type_in(&self, code: &str) -> Value {
        let put = "mutation($code:String!){it:applyCouponCode(couponCode:$code){__typename ... on Order{totalWithTax}}}";
        self.ask(put, json!({"code": code})).await
    }

    /// Goes to the checkout; what is answered.
    pub(crate) async fn check_out(&self) -> Value {
        let customer = "mutation($mail:String!){it:setCustomerForOrder(input:{firstName:\"S\",lastName:\"S\",emailAddress:$mail}){__typename}}";
        let mail = format!("{:p}@example.org", self);
        self.ask(customer, json!({"mail": mail})).await;
        self.ask("mutation{it:setOrderShippingAddress(input:{streetLine1:\"V\",countryCode:\"IT\"}){__typename}}", json!({})).await;
        self.ask(
            "mutation{it:setOrderShippingMethod(shippingMethodId:[\"1\"]){__typename}}",
            json!({}),
        )
        .await;
        self.ask(
            "mutation{it:transitionOrderToState(state:\"ArrangingPayment\"){__typename}}",
            json!({}),
        )
        .await
    }

    pub(crate) async fn pay(&self) -> Value {
        self.ask("mutation{it:addPaymentToOrder(input:{method:\"till\",metadata:{}}){__typename ... on Order{totalWithTax}}}", json!({})).await
    }
}

/// The discounts of ours on an order, and what is to be paid.
pub(crate) async fn given(adapter: &Vendure, id: &OrderId) -> (Vec<i64>, i64) {
    let order: Order = adapter.read(id).await.unwrap();
    let ours = order.lines.iter().filter(|line| line.reference.is_some());
    (ours.map(|line| line.amount).collect(), order.total)
}
