//! A real Vendure on this machine, seeded, and killed in the end.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use wom_adapter_pos::{Vendure, VendureConfig};
use wom_sdk::merchant::OrderId;

#[derive(Debug)]
pub(crate) struct Shop {
    server: Child,
    env: Vec<(&'static str, String)>,
    port: u16,
    dir: TempDir,
    client: reqwest::Client,
    token: String,
}

/// A shopper's session, and the order in it.
#[derive(Clone, Debug)]
pub(crate) struct Cart {
    session: String,
    pub(crate) order: OrderId,
}

/// The codes of an order, its lines and total, as the shop tells staff.
pub(crate) const ORDER: &str = "id state couponCodes totalWithTax discounts{amountWithTax} payments{id refunds{id total state}}";

impl Shop {
    pub(crate) async fn start() -> Self {
        Self::start_with([]).await
    }

    /// With these variables for the server.
    pub(crate) async fn start_with(env: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let env: Vec<_> = env.into_iter().collect();
        let server = serve(port, dir.path(), &env);
        let client = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        let mut shop = Self {
            server,
            env,
            port,
            dir,
            client,
            token: String::new(),
        };
        shop.log_in().await;
        shop.seed().await;
        shop
    }

    /// Kills the server as a power cut does.
    pub(crate) fn stop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    /// Starts it on the same data.
    pub(crate) async fn start_again(&mut self) {
        self.server = serve(self.port, self.dir.path(), &self.env);
        self.log_in().await;
    }

    /// A power cut, and all is on again.
    pub(crate) async fn restart(&mut self) {
        self.stop();
        self.start_again().await;
    }

    pub(crate) fn adapter(&self) -> Vendure {
        self.adapter_with(|_, _| ())
    }

    /// An adapter that logs in under another name.
    pub(crate) fn adapter_of(&self, username: &str) -> Vendure {
        self.adapter_with(|config, _| config.username = username.to_owned())
    }

    pub(crate) fn adapter_with(&self, change: impl FnOnce(&mut VendureConfig, &Path)) -> Vendure {
        let secret = self.dir.path().join("password");
        fs::write(&secret, "superadmin\n").unwrap();
        let mut config = VendureConfig {
            endpoint: self.address(),
            username: "superadmin".to_owned(),
            secret_files: vec![secret],
            ..VendureConfig::default()
        };
        change(&mut config, self.dir.path());
        Vendure::new(config).unwrap()
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// One operation: the answer, and the session's token.
    async fn exchange(
        &self,
        api: &str,
        token: &str,
        query: &str,
        variables: Value,
    ) -> (Value, String) {
        let mut asked = self.client.post(format!("{}/{api}", self.address()));
        if !token.is_empty() {
            asked = asked.bearer_auth(token);
        }
        let asked = asked.json(&json!({"query": query, "variables": variables}));
        let answer = asked.send().await.unwrap();
        let kept = match answer.headers().get("vendure-auth-token") {
            Some(fresh) => fresh.to_str().unwrap().to_owned(),
            None => token.to_owned(),
        };
        (answer.json().await.unwrap(), kept)
    }

    /// The value of an operation's only field, and the session's token.
    async fn post(&self, api: &str, token: &str, query: &str, variables: Value) -> (Value, String) {
        let (mut answer, kept) = self.exchange(api, token, query, variables).await;
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
        let data = answer["data"].as_object_mut().unwrap();
        (data.values_mut().next().unwrap().take(), kept)
    }

    pub(crate) async fn log_in(&mut self) {
        let query = r#"mutation{login(username:"superadmin",password:"superadmin"){__typename}}"#;
        self.token = self.post("admin-api", "", query, json!({})).await.1;
    }

    /// What staff does.
    pub(crate) async fn staff(&self, query: &str, variables: Value) -> Value {
        self.post("admin-api", &self.token, query, variables)
            .await
            .0
    }

    async fn make(&self, kind: &str, list: bool, input: Value) -> String {
        let input_type = match list {
            true => format!("[Create{}Input!]!", &kind[..kind.len() - 1]),
            false => format!("Create{kind}Input!"),
        };
        let query = format!("mutation($i:{input_type}){{create{kind}(input:$i){{id}}}}");
        let made = self.staff(&query, json!({"i": input})).await;
        let made = if list { &made[0] } else { &made };
        made["id"].as_str().unwrap().to_owned()
    }

    /// Italy, 22 % tax, euro, prices with tax, pick-up, payment at the till, a ticket at 12.00.
    async fn seed(&self) {
        let named = |name: &str| json!([{"languageCode": "en", "name": name}]);
        let described =
            |name: &str| json!([{"languageCode": "en", "name": name, "description": ""}]);
        let country = json!({"code": "IT", "enabled": true, "translations": named("Italy")});
        let country = self.make("Country", false, country).await;
        let zone = self
            .make(
                "Zone",
                false,
                json!({"name": "Italy", "memberIds": [country]}),
            )
            .await;
        let tax = self
            .make(
                "TaxCategory",
                false,
                json!({"name": "Standard", "isDefault": true}),
            )
            .await;
        let rate = json!({"name": "IVA 22", "enabled": true, "value": 22, "categoryId": tax, "zoneId": zone});
        self.make("TaxRate", false, rate).await;
        self.staff(
            "mutation($i:UpdateChannelInput!){updateChannel(input:$i){__typename}}",
            json!({"i": {"id": "1", "pricesIncludeTax": true, "defaultCurrencyCode": "EUR", "availableCurrencyCodes": ["EUR"], "defaultTaxZoneId": zone, "defaultShippingZoneId": zone}}),
        )
        .await;
        let pick_up = json!({
            "code": "pickup",
            "fulfillmentHandler": "manual-fulfillment",
            "checker": {"code": "default-shipping-eligibility-checker", "arguments": [{"name": "orderMinimum", "value": "0"}]},
            "calculator": {"code": "default-shipping-calculator", "arguments": [{"name": "rate", "value": "0"}, {"name": "includesTax", "value": "auto"}, {"name": "taxRate", "value": "0"}]},
            "translations": described("Pick-up"),
        });
        self.make("ShippingMethod", false, pick_up).await;
        let till = json!({
            "code": "till",
            "enabled": true,
            "handler": {"code": "dummy-payment-handler", "arguments": [{"name": "automaticSettle", "value": "true"}]},
            "translations": described("At the till"),
        });
        self.make("PaymentMethod", false, till).await;
        let product = json!({"enabled": true, "translations": [{"languageCode": "en", "name": "Ticket", "slug": "ticket", "description": ""}]});
        let product = self.make("Product", false, product).await;
        let ticket = json!([{"productId": product, "enabled": true, "sku": "T1", "price": 1200, "taxCategoryId": tax, "stockOnHand": 1000, "trackInventory": "FALSE", "translations": named("Ticket")}]);
        self.make("ProductVariants", true, ticket).await;
    }

    /// A draft of two tickets, 24.00.
    pub(crate) async fn draft(&self) -> OrderId {
        self.draft_of(2).await
    }

    /// A draft of so many tickets at 12.00.
    pub(crate) async fn draft_of(&self, tickets: u32) -> OrderId {
        let id = self
            .staff("mutation{createDraftOrder{id}}", json!({}))
            .await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let add = "mutation($o:ID!,$i:AddItemToDraftOrderInput!){addItemToDraftOrder(orderId:$o,input:$i){__typename}}";
        self.staff(
            add,
            json!({"o": id, "i": {"productVariantId": "1", "quantity": tickets}}),
        )
        .await;
        OrderId(id)
    }

    /// Brings a draft to its payment.
    pub(crate) async fn check_out(&self, order: &OrderId) {
        let customer = "mutation($o:ID!,$i:CreateCustomerInput!){setCustomerForDraftOrder(orderId:$o,input:$i){__typename}}";
        self.staff(customer, json!({"o": order.0, "i": {"firstName": "A", "lastName": "B", "emailAddress": "a@example.org"}})).await;
        let address = "mutation($o:ID!,$i:CreateAddressInput!){setDraftOrderShippingAddress(orderId:$o,input:$i){id}}";
        self.staff(address, json!({"o": order.0, "i": {"streetLine1": "Via 1", "city": "Urbino", "postalCode": "61029", "countryCode": "IT"}})).await;
        let method = "mutation($o:ID!){setDraftOrderShippingMethod(orderId:$o,shippingMethodId:1){__typename}}";
        self.staff(method, json!({"o": order.0})).await;
        self.go(order, "ArrangingPayment").await;
    }

    /// Pays a draft at the till.
    pub(crate) async fn pay(&self, order: &OrderId) {
        self.check_out(order).await;
        let paid = self.pay_by_hand(order).await;
        assert_eq!(paid["__typename"], "Order", "{paid}");
    }

    pub(crate) async fn pay_by_hand(&self, order: &OrderId) -> Value {
        let pay = "mutation($i:ManualPaymentInput!){addManualPaymentToOrder(input:$i){__typename ... on ErrorResult{errorCode}}}";
        self.staff(pay, json!({"i": {"orderId": order.0, "method": "till", "transactionId": "r1", "metadata": {}}})).await
    }

    pub(crate) async fn go(&self, order: &OrderId, state: &str) {
        let go = "mutation($o:ID!,$s:String!){transitionOrderToState(id:$o,state:$s){__typename ... on OrderStateTransitionError{transitionError}}}";
        let gone = self.staff(go, json!({"o": order.0, "s": state})).await;
        assert_eq!(gone["__typename"], "Order", "{gone}");
    }

    pub(crate) async fn tell(&self, order: &OrderId) -> Value {
        let query = format!("query($o:ID!){{order(id:$o){{{ORDER}}}}}");
        self.staff(&query, json!({"o": order.0})).await
    }

    /// Cancels a paid order.
    pub(crate) async fn cancel(&self, order: &OrderId) {
        let cancel = "mutation($i:CancelOrderInput!){cancelOrder(input:$i){__typename}}";
        let input = json!({"i": {"orderId": order.0, "cancelShipping": true, "reason": "test"}});
        assert_eq!(self.staff(cancel, input).await["__typename"], "Order");
    }

    /// Cancels an order that nobody paid, on its way to the payment.
    pub(crate) async fn cancel_unpaid(&self, order: &OrderId) {
        self.check_out(order).await;
        self.go(order, "Cancelled").await;
    }

    /// Cancels one ticket of a paid order.
    pub(crate) async fn cancel_one(&self, order: &OrderId) {
        let lines = self
            .staff(
                "query($o:ID!){order(id:$o){lines{id}}}",
                json!({"o": order.0}),
            )
            .await;
        let line = json!([{"orderLineId": lines["lines"][0]["id"], "quantity": 1}]);
        let cancel = "mutation($i:CancelOrderInput!){cancelOrder(input:$i){__typename}}";
        let input = json!({"i": {"orderId": order.0, "lines": line, "cancelShipping": false, "reason": "test"}});
        assert_eq!(self.staff(cancel, input).await["__typename"], "Order");
    }

    /// The refund's id; none where the shop fails inside.
    pub(crate) async fn refund(&self, input: Value) -> Option<String> {
        let refund =
            "mutation($i:RefundOrderInput!){refundOrder(input:$i){__typename ... on Refund{id}}}";
        let told = self
            .exchange("admin-api", &self.token, refund, json!({"i": input}))
            .await;
        let refund = &told.0["data"]["refundOrder"];
        refund["id"].as_str().map(str::to_owned)
    }

    pub(crate) async fn settle_refund(&self, refund: &str) {
        let settle = "mutation($i:SettleRefundInput!){settleRefund(input:$i){__typename}}";
        let input = json!({"i": {"id": refund, "transactionId": "r2"}});
        assert_eq!(self.staff(settle, input).await["__typename"], "Refund");
    }

    pub(crate) async fn modify(&self, input: &Value) -> Value {
        let modify = "mutation($i:ModifyOrderInput!){modifyOrder(input:$i){__typename ... on ErrorResult{errorCode}}}";
        self.staff(modify, json!({"i": input})).await
    }

    /// The ids of promotions with this code.
    pub(crate) async fn promotion_ids(&self, code: &str) -> Vec<String> {
        let find =
            "query($c:String!){promotions(options:{filter:{couponCode:{eq:$c}}}){items{id}}}";
        let found = self.staff(find, json!({"c": code})).await;
        let ids = found["items"].as_array().unwrap().iter();
        ids.map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Lets a promotion be over.
    pub(crate) async fn expire(&self, id: &str) {
        let change = "mutation($i:UpdatePromotionInput!){updatePromotion(input:$i){__typename}}";
        let over = json!({"id": id, "endsAt": "2020-01-01T00:00:00Z"});
        let told = self.staff(change, json!({"i": over})).await;
        assert_eq!(told["__typename"], "Promotion");
    }

    pub(crate) async fn forget_promotion(&self, id: &str) {
        let delete = "mutation($id:ID!){deletePromotion(id:$id){result}}";
        self.staff(delete, json!({"id": id})).await;
    }

    /// How many promotions have this code and are on.
    pub(crate) async fn promotions(&self, code: &str) -> usize {
        let query =
            "query($c:String!){promotions(options:{filter:{couponCode:{eq:$c}}}){items{enabled}}}";
        let found = self.staff(query, json!({"c": code})).await;
        let enabled = |it: &&Value| it["enabled"] == true;
        found["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(enabled)
            .count()
    }

    /// A promotion of 5.00 that somebody else makes, with more or other fields; its id.
    pub(crate) async fn promote(&self, code: &str, order: &OrderId, more: Value) -> String {
        let mut input = json!({
            "enabled": true,
            "couponCode": code,
            "usageLimit": 1,
            "endsAt": "2099-01-01T00:00:00.000Z",
            "conditions": [],
            "actions": [{"code": "order_fixed_discount", "arguments": [{"name": "discount", "value": "500"}]}],
            "translations": [{"languageCode": "en", "name": "By hand", "description": format!("order/{}", order.0)}],
        });
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        let create = "mutation($i:CreatePromotionInput!){createPromotion(input:$i){__typename ... on Promotion{id}}}";
        let made = self.staff(create, json!({"i": input})).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Staff puts a code on a draft.
    pub(crate) async fn put(&self, order: &OrderId, code: &str) -> Value {
        let put = "mutation($o:ID!,$c:String!){applyCouponCodeToDraftOrder(orderId:$o,couponCode:$c){__typename ... on ErrorResult{errorCode}}}";
        self.staff(put, json!({"o": order.0, "c": code})).await
    }

    /// Staff takes a code off a draft.
    pub(crate) async fn take_off(&self, order: &OrderId, code: &str) {
        let off = "mutation($o:ID!,$c:String!){removeCouponCodeFromDraftOrder(orderId:$o,couponCode:$c){__typename}}";
        let told = self.staff(off, json!({"o": order.0, "c": code})).await;
        assert_eq!(told["__typename"], "Order");
    }

    /// A shopper with a cart of one ticket, 12.00.
    pub(crate) async fn cart(&self) -> Cart {
        let add = "mutation{addItemToOrder(productVariantId:1,quantity:1){... on Order{id}}}";
        let (order, session) = self.post("shop-api", "", add, json!({})).await;
        let order = OrderId(order["id"].as_str().unwrap().to_owned());
        Cart { session, order }
    }

    async fn shopper(&self, cart: &Cart, query: &str, variables: Value) -> Value {
        self.post("shop-api", &cart.session, query, variables)
            .await
            .0
    }

    /// The shopper enters a code: what they are told.
    pub(crate) async fn enter(&self, cart: &Cart, code: &str) -> Value {
        let enter = "mutation($c:String!){applyCouponCode(couponCode:$c){__typename ... on Order{totalWithTax} ... on ErrorResult{errorCode}}}";
        self.shopper(cart, enter, json!({"c": code})).await
    }

    /// The shopper goes to the payment.
    pub(crate) async fn arrange(&self, cart: &Cart) -> Value {
        self.shopper(cart, r#"mutation{setCustomerForOrder(input:{firstName:"A",lastName:"B",emailAddress:"a@example.org"}){__typename}}"#, json!({})).await;
        self.shopper(cart, r#"mutation{setOrderShippingAddress(input:{streetLine1:"Via 1",city:"Urbino",postalCode:"61029",countryCode:"IT"}){__typename}}"#, json!({})).await;
        self.shopper(
            cart,
            "mutation{setOrderShippingMethod(shippingMethodId:[1]){__typename}}",
            json!({}),
        )
        .await;
        self.shopper(cart, r#"mutation{transitionOrderToState(state:"ArrangingPayment"){__typename ... on Order{totalWithTax}}}"#, json!({})).await
    }

    /// The shopper pays: what they are told.
    pub(crate) async fn pay_cart(&self, cart: &Cart) -> Value {
        self.shopper(cart, r#"mutation{addPaymentToOrder(input:{method:"till",metadata:{}}){__typename ... on Order{totalWithTax} ... on ErrorResult{errorCode}}}"#, json!({})).await
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Starts the server and waits until it is ready.
fn serve(port: u16, dir: &Path, env: &[(&str, String)]) -> Child {
    let modules = std::env::var("WOM_VENDURE").expect("WOM_VENDURE names the folder with Vendure");
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vendure/server.js");
    let mut server = Command::new("node")
        .arg(script)
        .current_dir(modules)
        .env("PORT", port.to_string())
        .env("DB_FILE", dir.join("shop.sqlite"))
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("node runs");
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap() == "READY"),
        "the shop does not start"
    );
    // What it says later is read too, so that it never waits for us.
    std::thread::spawn(move || lines.for_each(drop));
    server
}
