//! The names of orders and of drafts: GraphQL's ids, of which only the numbers differ.

use wom_sdk::merchant::OrderId;

const DRAFT: &str = "gid://shopify/DraftOrder/";
const ORDER: &str = "gid://shopify/Order/";

/// What is bought: a draft that staff makes, or an order that was placed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Id {
    Draft(u64),
    Order(u64),
}

impl Id {
    /// From GraphQL's id; a bare number is an order's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let good = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| good)
        };
        match (text.strip_prefix(DRAFT), text.strip_prefix(ORDER)) {
            (Some(draft), _) => number(draft).map(Self::Draft),
            (_, Some(order)) => number(order).map(Self::Order),
            _ => number(text).map(Self::Order),
        }
    }

    pub(super) fn gid(self) -> String {
        match self {
            Self::Draft(number) => format!("{DRAFT}{number}"),
            Self::Order(number) => format!("{ORDER}{number}"),
        }
    }

    pub(super) fn order_id(self) -> OrderId {
        OrderId(self.gid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_and_nothing_else_is() {
        for (text, id) in [
            ("gid://shopify/DraftOrder/7", Some(Id::Draft(7))),
            ("gid://shopify/Order/7", Some(Id::Order(7))),
            ("7", Some(Id::Order(7))),
            ("", None),
            ("+7", None),
            ("gid://shopify/Order/", None),
            ("gid://shopify/Order/7?x", None),
            ("gid://shopify/Customer/7", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(Id::parse(text), id, "{text}");
            if let Some(id) = id {
                assert_eq!(Id::parse(&id.gid()), Some(id));
            }
        }
    }
}
