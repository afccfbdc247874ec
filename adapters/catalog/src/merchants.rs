//! Shops and tills by name, with settings in the same form as instruments.

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;
use wom_adapter_pos::{Manual, ManualConfig, Shopify, Vendure, WooCommerce};
use wom_sdk::{
    Result,
    instrument::Info,
    merchant::{Merchant, MerchantCapabilities},
};

use crate::{Form, Setting, catalog::Make};

/// A shop's adapter in the catalogue.
#[derive(Clone)]
pub struct MerchantEntry {
    /// What it is.
    pub info: Info,
    /// What it offers.
    pub capabilities: MerchantCapabilities,
    /// What it can be told.
    pub settings: Vec<Setting>,
    pub(crate) make: Make<dyn Merchant>,
}

impl MerchantEntry {
    /// An adapter whose settings are a `C`, made by `make`.
    pub fn new<C: DeserializeOwned + 'static>(
        info: Info,
        capabilities: MerchantCapabilities,
        settings: Vec<Setting>,
        make: impl Fn(C) -> Result<Arc<dyn Merchant>> + Send + Sync + 'static,
    ) -> Self {
        let name = info.name;
        Self {
            info,
            capabilities,
            settings,
            make: Arc::new(move |settings, known| make(settings.resolve(name, known)?)),
        }
    }
}

impl fmt::Debug for MerchantEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MerchantEntry({})", self.info.name)
    }
}

/// The shops and tills that come with the SDK and need no embedder.
pub(crate) fn standard_merchants() -> [MerchantEntry; 4] {
    [
        MerchantEntry::new(
            Manual::INFO,
            Manual::CAPABILITIES,
            Vec::new(),
            |_: ManualConfig| Ok(Arc::new(Manual)),
        ),
        MerchantEntry::new(
            Shopify::INFO,
            Shopify::CAPABILITIES,
            shopify_settings(),
            |config| Ok(Arc::new(Shopify::new(config)?)),
        ),
        MerchantEntry::new(
            Vendure::INFO,
            Vendure::CAPABILITIES,
            vendure_settings(),
            |config| Ok(Arc::new(Vendure::new(config)?)),
        ),
        MerchantEntry::new(
            WooCommerce::INFO,
            WooCommerce::CAPABILITIES,
            woocommerce_settings(),
            |config| Ok(Arc::new(WooCommerce::new(config)?)),
        ),
    ]
}

fn shopify_settings() -> Vec<Setting> {
    vec![
        Setting::new("client_id", Form::Text, "The app's client id, where the secrets are its client secrets: tokens, which last for a day, are then fetched with them."),
        Setting::new("combines", Form::Flag, "Whether our codes can be used together with other discounts.")
            .default_is("true"),
        Setting::new("danger_accept_plain_http", Form::Flag, "Whether plain http to another machine is accepted, over which anybody on the way can read the token.")
            .default_is("false"),
        Setting::new("endpoint", Form::Text, "The shop's own address, such as https://name.myshopify.com.").default_is(""),
        Setting::new("fresh_valid_days", Form::Whole, "How long a code for a customer\'s next order can be used.")
            .default_is("90")
            .counts("days"),
        Setting::new("label", Form::Text, "What stands on the receipt.")
            .default_is("Sconto WOM"),
        Setting::new("secret_files", Form::Files, "Files with an access token of the Admin API in each, or a client secret where client_id is set. While it changes there are two."),
        Setting::new("secret_variables", Form::List, "Variables of the environment with an access token or a client secret in each. One file or variable is needed at least."),
        Setting::new("timeout_seconds", Form::Whole, "How long the shop may take for one answer.")
            .default_is("15")
            .counts("seconds"),
        Setting::new("valid_minutes", Form::Whole, "How long a code can be used.")
            .default_is("1440")
            .counts("minutes"),
        Setting::new("version", Form::Text, "The version of the Admin API, by year and month. It is served for a year at least; then the shop answers with a newer one, and says so.")
            .default_is("2026-10"),
        Setting::new("webhook_secret_files", Form::Files, "Files with a client secret of the app in each, which signs webhooks. Without a secret every webhook is refused."),
        Setting::new("webhook_secret_variables", Form::List, "Variables of the environment with a client secret of the app in each."),
    ]
}

fn vendure_settings() -> Vec<Setting> {
    vec![
        Setting::new("channel", Form::Text, "The token of the channel, in a shop with more than one."),
        Setting::new("danger_accept_plain_http", Form::Flag, "Whether plain http to another machine is accepted, over which anybody on the way can read the password.")
            .default_is("false"),
        Setting::new("endpoint", Form::Text, "The shop's address, such as https://shop.example.org, without admin-api.").default_is(""),
        Setting::new("fresh_valid_days", Form::Whole, "How long a code for a customer\'s next order can be used.")
            .default_is("90")
            .counts("days"),
        Setting::new("label", Form::Text, "What stands on the receipt.")
            .default_is("Sconto WOM"),
        Setting::new("secret_files", Form::Files, "Files with the administrator's password in each. While it changes there are two."),
        Setting::new("secret_variables", Form::List, "Variables of the environment with the administrator's password in each. One file or variable is needed at least."),
        Setting::new("signature_header", Form::Text, "The header with the signature of a webhook, sha256= and hexadecimal.")
            .default_is("x-signature-256"),
        Setting::new("username", Form::Text, "The administrator's name. It needs the rights to read and change orders and promotions.").default_is(""),
        Setting::new("valid_minutes", Form::Whole, "How long a code can be used.")
            .default_is("1440")
            .counts("minutes"),
        Setting::new("webhook_secret_files", Form::Files, "Files with a secret of the webhooks in each. Without a secret every webhook is refused."),
        Setting::new("webhook_secret_variables", Form::List, "Variables of the environment with a secret of the webhooks in each."),
    ]
}

fn woocommerce_settings() -> Vec<Setting> {
    vec![
        Setting::new("danger_accept_plain_http", Form::Flag, "Whether plain http to another machine is accepted, over which anybody on the way can read the key. WooCommerce itself takes a key over TLS only.")
            .default_is("false"),
        Setting::new("endpoint", Form::Text, "The shop's address, such as https://shop.example.org, without wp-json.").default_is(""),
        Setting::new("fresh_valid_days", Form::Whole, "How long a code for a customer\'s next order can be used.")
            .default_is("90")
            .counts("days"),
        Setting::new("individual_use", Form::Flag, "Whether a cart takes no other coupon beside ours.")
            .default_is("false"),
        Setting::new("label", Form::Text, "What stands in a coupon's description, which staff reads.")
            .default_is("Sconto WOM"),
        Setting::new("secret_files", Form::Files, "Files with a key of the REST API in each, written ck_…:cs_…. While it changes there are two. It needs to read and write."),
        Setting::new("secret_variables", Form::List, "Variables of the environment with a key of the REST API in each. One file or variable is needed at least."),
        Setting::new("timeout_seconds", Form::Whole, "How long the shop may take for one answer.")
            .default_is("15")
            .counts("seconds"),
        Setting::new("valid_minutes", Form::Whole, "How long a code can be used.")
            .default_is("1440")
            .counts("minutes"),
        Setting::new("webhook_secret_files", Form::Files, "Files with a secret of the webhooks in each. Without a secret every webhook is refused."),
        Setting::new("webhook_secret_variables", Form::List, "Variables of the environment with a secret of the webhooks in each."),
    ]
}

#[cfg(test)]
mod tests {
    use wom_adapter_pos::{ShopifyConfig, VendureConfig, WooCommerceConfig};
    use wom_sdk::Kind;

    use super::*;
    use crate::{Catalog, Settings, standard::tests::assert_documented};

    #[test]
    fn settings_are_documented_as_they_are() {
        assert_documented::<ManualConfig>(&[]);
        assert_documented::<ShopifyConfig>(&shopify_settings());
        assert_documented::<VendureConfig>(&vendure_settings());
        assert_documented::<WooCommerceConfig>(&woocommerce_settings());
    }

    #[test]
    fn a_merchant_is_made_by_its_name_and_a_misspelt_one_is_offered() {
        let settings = Settings::from_texts([
            ("endpoint", "https://shop.example.org"),
            ("username", "wom"),
            ("secret_variables", "SHOP_PASSWORD"),
        ]);
        let made = Catalog::standard()
            .merchant("pos.vendure", &settings)
            .unwrap();
        assert_eq!(made.capabilities(), Vendure::CAPABILITIES);
        let error = Catalog::standard()
            .merchant("pos.vendur", &settings)
            .unwrap_err();
        assert!(
            error.to_string().contains("did you mean pos.vendure?"),
            "{error}"
        );
        let by_hand = Catalog::standard()
            .merchant("pos.manual", &Settings::none())
            .unwrap();
        assert_eq!(by_hand.info(), Manual::INFO);
        let bare = Catalog::standard()
            .merchant("pos.vendure", &Settings::none())
            .unwrap_err();
        assert_eq!(bare.kind(), Kind::ConfigurationInvalid);
    }
}
