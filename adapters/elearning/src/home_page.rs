//! The address of a platform, by which its learners are known.

use wom_sdk::{Error, Kind, Result, Subject, instrument::Refusal};

use crate::source::account;

/// A platform's address, checked once.
#[derive(Clone, Debug)]
pub(crate) struct HomePage(String);

impl HomePage {
    /// The address of a setting `home_page`.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if it has no scheme.
    pub(crate) fn new(address: String) -> Result<Self> {
        if account(&address, "anybody").is_err() {
            return Err(Error::new(
                Kind::ConfigurationInvalid,
                "the platform's address is none",
            )
            .with("setting", "home_page")
            .hint("write it as https://lms.example.org, as the platform itself does in statements"));
        }
        Ok(Self(address))
    }

    /// The learner whom the platform calls so.
    pub(crate) fn learner(&self, name: &str) -> Result<Subject, Refusal> {
        account(&self.0, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_scheme_is_a_bad_setting() {
        for address in ["", "lms.example.org", "participant"] {
            let error = HomePage::new(address.to_owned()).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigurationInvalid);
        }
        let page = HomePage::new("https://lms.example.org".to_owned()).unwrap();
        assert_eq!(
            page.learner("7").unwrap().namespace(),
            "https://lms.example.org"
        );
        assert_eq!(page.learner("").unwrap_err().code, "bad_actor");
    }
}
