//! The wallet against a bank that spends what may be spent once, once, and whose answers get lost.

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::*;
use crate::{
    Retry,
    protocol::{
        Link, PosId, SourceId, VoucherSecret,
        message::{RedeemAnswer, RedeemedVoucher},
    },
};

const SOURCE: &str = "65aa0c3be1f0d25c7b9e4411";

/// How a call goes.
#[derive(Clone, Debug)]
enum Way {
    Through,
    /// It does not arrive, and nobody can tell.
    LostBefore,
    /// It is carried out, and nobody can tell.
    LostAfter,
    Refused(Kind),
}

/// What a Registry knows.
#[derive(Debug, Default)]
struct Bank {
    address: &'static str,
    key: &'static str,
    /// Whether a redeem is answered again under its session key.
    replays: bool,
    persistent: bool,
    books: Mutex<Books>,
    ways: Mutex<VecDeque<Way>>,
}

#[derive(Debug, Default)]
struct Books {
    codes: Vec<(Otc, Vec<RedeemedVoucher>, Option<SessionKey>)>,
    payments: Vec<(Otc, u32, Option<Filter>, bool)>,
    spent: Vec<VoucherId>,
    calls: Vec<(&'static str, [u8; 32])>,
}

impl Bank {
    fn new() -> Self {
        Self {
            address: "https://town.example",
            key: "k",
            replays: true,
            ..Self::default()
        }
    }

    fn goes(self, ways: impl IntoIterator<Item = Way>) -> Self {
        *self.ways.lock().unwrap() = ways.into_iter().collect();
        self
    }

    fn then(&self, ways: impl IntoIterator<Item = Way>) {
        self.ways.lock().unwrap().extend(ways);
    }

    /// A code for so many vouchers of an aim.
    fn issue(&self, aim: &str, count: u32) -> Link {
        let otc = Otc::random();
        let record = VoucherId::random_record();
        let vouchers = (1..=count).map(|n| RedeemedVoucher {
            id: VoucherId::new(&record, n).unwrap(),
            secret: VoucherSecret::random(),
            aim: aim.to_owned(),
            position: Position::ZERO,
            timestamp: Timestamp::EPOCH,
        });
        let code = (otc.clone(), vouchers.collect(), None);
        self.books.lock().unwrap().codes.push(code);
        Link::Vouchers(otc)
    }

    fn ask(&self, amount: u32, filter: Option<Filter>) -> Link {
        let otc = Otc::random();
        let payment = (otc.clone(), amount, filter, false);
        self.books.lock().unwrap().payments.push(payment);
        Link::Payment(otc)
    }

    fn calls(&self, name: &str) -> Vec<[u8; 32]> {
        let books = self.books.lock().unwrap();
        let calls = books.calls.iter().filter(|(call, _)| *call == name);
        calls.map(|(_, key)| *key).collect()
    }

    fn spent(&self) -> BTreeSet<VoucherId> {
        let spent = self.books.lock().unwrap().spent.clone();
        let distinct: BTreeSet<_> = spent.iter().cloned().collect();
        assert_eq!(distinct.len(), spent.len(), "a voucher was spent twice");
        distinct
    }

    fn go<T>(&self, work: impl FnOnce(&mut Books) -> Result<T>) -> Result<T> {
        let way = self.ways.lock().unwrap().pop_front();
        let lost = || Error::new(Kind::OutcomeUnknown, "lost");
        match way.unwrap_or(Way::Through) {
            Way::Through => work(&mut self.books.lock().unwrap()),
            Way::LostBefore => Err(lost()),
            Way::LostAfter => {
                let _ = work(&mut self.books.lock().unwrap());
                Err(lost())
            }
            Way::Refused(kind) => Err(Error::new(kind, "refused")),
        }
    }
}

#[async_trait]
impl Gateway for Bank {
    fn registry(&self) -> &str {
        self.address
    }

    async fn fingerprint(&self) -> Result<String> {
        Ok(self.key.to_owned())
    }

    async fn redeem(
        &self,
        otc: &Otc,
        _: &Pin,
        key: &SessionKey,
        _: Option<Position>,
    ) -> Result<RedeemAnswer> {
        tokio::task::yield_now().await;
        let replays = self.replays;
        self.go(|books| {
            books.calls.push(("redeem", key.digest()));
            let code = books.codes.iter_mut().find(|code| code.0 == *otc);
            let (_, vouchers, performed) = code.ok_or_else(unknown)?;
            match performed {
                None => *performed = Some(key.clone()),
                Some(first) if replays && first == key => (),
                Some(_) => return Err(Error::new(Kind::AlreadyPerformed, "redeemed")),
            }
            Ok(RedeemAnswer {
                source_id: SOURCE.parse().unwrap(),
                source_name: "A walk".into(),
                vouchers: vouchers.clone(),
            })
        })
    }

    async fn info(&self, otc: &Otc, _: &Pin) -> Result<InfoAnswer> {
        let books = self.books.lock().unwrap();
        let payment = books.payments.iter().find(|payment| payment.0 == *otc);
        let (_, amount, filter, paid) = payment.ok_or_else(unknown)?;
        if *paid && !self.persistent {
            return Err(Error::new(Kind::AlreadyPerformed, "paid"));
        }
        Ok(InfoAnswer {
            pos_id: SOURCE.parse::<PosId>().unwrap(),
            pos_name: "A shop".into(),
            amount: *amount,
            filter: filter.clone(),
            persistent: self.persistent,
        })
    }

    async fn confirm(
        &self,
        otc: &Otc,
        _: &Pin,
        key: &SessionKey,
        vouchers: Vec<SpentVoucher>,
    ) -> Result<ConfirmAnswer> {
        tokio::task::yield_now().await;
        let persistent = self.persistent;
        self.go(|books| {
            books.calls.push(("confirm", key.digest()));
            let position = books.payments.iter().position(|payment| payment.0 == *otc);
            let index = position.ok_or_else(unknown)?;
            if books.payments[index].3 && !persistent {
                return Err(Error::new(Kind::AlreadyPerformed, "paid"));
            }
            if vouchers.len() != books.payments[index].1 as usize {
                return Err(Error::new(Kind::VouchersInsufficient, "number"));
            }
            for voucher in &vouchers {
                let known = books.codes.iter().any(|(_, vouchers, performed)| {
                    let mut known = vouchers.iter();
                    performed.is_some()
                        && known
                            .any(|known| known.id == voucher.id && known.secret == voucher.secret)
                });
                if !known || books.spent.contains(&voucher.id) {
                    return Err(Error::new(Kind::VouchersRefused, "voucher"));
                }
            }
            books
                .spent
                .extend(vouchers.iter().map(|voucher| voucher.id.clone()));
            books.payments[index].3 = true;
            Ok(ConfirmAnswer {
                ack_url: Some("https://shop.example/thanks".into()),
            })
        })
    }
}

fn unknown() -> Error {
    Error::new(Kind::OtcUnknown, "unknown")
}

fn pin() -> Pin {
    Pin::parse("4821").unwrap()
}

struct Wallet {
    dir: tempfile::TempDir,
    pocket: Option<Pocket>,
}

impl Wallet {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut wallet = Self { dir, pocket: None };
        wallet.reopen();
        wallet
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("wallet.json")
    }

    /// As after a crash: what is not in the file is gone.
    fn reopen(&mut self) {
        self.pocket = None;
        self.pocket = Some(Pocket::open(self.path()).unwrap());
    }

    async fn with(bank: &Bank, codes: &[(&str, u32)]) -> Self {
        let wallet = Self::new();
        for (aim, count) in codes {
            let code = bank.issue(aim, *count);
            wallet.redeem(bank, &code, &pin(), None).await.unwrap();
        }
        wallet
    }

    fn in_state(&self, state: VoucherState) -> BTreeSet<VoucherId> {
        let vouchers = self.vouchers().unwrap().into_iter();
        let in_state = vouchers.filter(|voucher| voucher.state == state);
        in_state.map(|voucher| voucher.id).collect()
    }
}

impl std::ops::Deref for Wallet {
    type Target = Pocket;

    fn deref(&self) -> &Pocket {
        self.pocket.as_ref().unwrap()
    }
}

#[tokio::test]
async fn a_code_is_redeemed_once_and_known_for_ever() {
    let bank = Bank::new();
    let mut wallet = Wallet::new();
    let code = bank.issue("H", 30);
    let redeemed = wallet.redeem(&bank, &code, &pin(), None).await.unwrap();
    assert_eq!(
        (redeemed.vouchers, redeemed.source_name.as_str()),
        (30, "A walk")
    );
    assert_eq!(redeemed.source, SOURCE.parse::<SourceId>().unwrap());
    wallet.reopen();
    assert_eq!(
        wallet.redeem(&bank, &code, &pin(), None).await.unwrap(),
        redeemed
    );
    assert_eq!(wallet.balance().unwrap(), [("H".to_owned(), 30)].into());
    assert_eq!(bank.calls("redeem").len(), 1);
}

#[tokio::test]
async fn a_lost_answer_comes_under_the_same_session_key_also_after_a_crash() {
    let bank = Bank::new().goes([Way::LostAfter, Way::LostBefore]);
    let mut wallet = Wallet::new();
    let code = bank.issue("H", 30);
    for _ in 0..2 {
        let error = wallet.redeem(&bank, &code, &pin(), None).await.unwrap_err();
        assert_eq!(error.retry(), Retry::SameKey);
        assert!(error.advice().is_some());
        wallet.reopen();
    }
    wallet.redeem(&bank, &code, &pin(), None).await.unwrap();
    assert_eq!(wallet.balance().unwrap(), [("H".to_owned(), 30)].into());
    let keys: BTreeSet<_> = bank.calls("redeem").into_iter().collect();
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn a_wrong_pin_leaves_nothing_behind() {
    let bank = Bank::new().goes([Way::Refused(Kind::PinWrong)]);
    let wallet = Wallet::new();
    let code = bank.issue("H", 30);
    let error = wallet.redeem(&bank, &code, &pin(), None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::PinWrong);
    assert!(wallet.book().unwrap().redeems.is_empty());
}

#[tokio::test]
async fn a_payment_takes_what_fits_and_is_made_once() {
    let bank = Bank::new();
    let mut wallet = Wallet::with(&bank, &[("H", 30), ("C", 5), ("0", 9)]).await;
    let filter = Filter::default().aim("H".parse().unwrap());
    let code = bank.ask(15, Some(filter));
    let paid = wallet.pay(&bank, &code, &pin()).await.unwrap();
    assert_eq!(paid.amount, 15);
    assert_eq!(paid.ack_url.as_deref(), Some("https://shop.example/thanks"));
    wallet.reopen();
    assert_eq!(wallet.pay(&bank, &code, &pin()).await.unwrap(), paid);
    let left = [("0", 9), ("C", 5), ("H", 15)].map(|(aim, count)| (aim.to_owned(), count));
    assert_eq!(wallet.balance().unwrap(), left.into());
    assert_eq!(bank.spent(), wallet.in_state(VoucherState::Spent));
    assert_eq!(bank.calls("confirm").len(), 1);
}

#[tokio::test]
async fn too_few_says_how_many_and_demonstrations_count_only_by_name() {
    let bank = Bank::new();
    let wallet = Wallet::with(&bank, &[("H", 3), ("0", 9)]).await;
    let error = wallet
        .pay(&bank, &bank.ask(4, None), &pin())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::VouchersInsufficient);
    assert!(
        error.to_string().contains("required 4, fitting 3"),
        "{error}"
    );
    let demo = Filter::default().aim(crate::protocol::Aim::DEMO);
    wallet
        .pay(&bank, &bank.ask(4, Some(demo)), &pin())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_unclear_payment_is_repeated_with_the_same_vouchers() {
    for ways in [
        vec![Way::LostAfter],
        vec![Way::LostBefore, Way::LostBefore],
        vec![Way::LostBefore, Way::LostAfter],
        vec![Way::LostAfter, Way::Refused(Kind::PinWrong)],
        vec![Way::LostBefore, Way::Refused(Kind::RateLimited)],
        vec![Way::LostAfter, Way::Refused(Kind::NetworkUnreachable)],
    ] {
        let bank = Bank::new();
        let mut wallet = Wallet::with(&bank, &[("H", 30)]).await;
        bank.then(ways.clone());
        let code = bank.ask(10, None);
        for _ in 0..ways.len() {
            wallet.pay(&bank, &code, &pin()).await.unwrap_err();
            assert_eq!(wallet.in_state(VoucherState::Reserved).len(), 10);
            wallet.reopen();
        }
        let set_aside = wallet.in_state(VoucherState::Reserved);
        wallet.pay(&bank, &code, &pin()).await.unwrap();
        assert_eq!(bank.spent(), set_aside, "{ways:?}");
        assert_eq!(wallet.in_state(VoucherState::Spent), set_aside);
        let keys: BTreeSet<_> = bank.calls("confirm").into_iter().collect();
        assert_eq!(keys.len(), 1);
    }
}

#[tokio::test]
async fn a_clear_refusal_frees_what_was_set_aside() {
    for kind in [
        Kind::PinWrong,
        Kind::AlreadyPerformed,
        Kind::NetworkUnreachable,
    ] {
        let bank = Bank::new();
        let wallet = Wallet::with(&bank, &[("H", 30)]).await;
        bank.then([Way::Refused(kind)]);
        let error = wallet
            .pay(&bank, &bank.ask(10, None), &pin())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(wallet.in_state(VoucherState::Free).len(), 30);
    }
    // Also after an unclear try, if the Registry has looked.
    let bank = Bank::new();
    let wallet = Wallet::with(&bank, &[("H", 30)]).await;
    bank.then([Way::LostBefore, Way::Refused(Kind::OtcUnknown)]);
    let code = bank.ask(10, None);
    for _ in 0..2 {
        wallet.pay(&bank, &code, &pin()).await.unwrap_err();
    }
    assert_eq!(wallet.in_state(VoucherState::Free).len(), 30);
}

#[tokio::test]
async fn vouchers_that_were_refused_are_left_for_the_last() {
    let bank = Bank::new();
    let wallet = Wallet::with(&bank, &[("H", 4); 8]).await;
    bank.then(vec![Way::Refused(Kind::VouchersRefused); 7]);
    let code = bank.ask(4, None);
    for _ in 0..7 {
        wallet.pay(&bank, &code, &pin()).await.unwrap_err();
    }
    wallet.pay(&bank, &code, &pin()).await.unwrap();
    let refused: Vec<_> = {
        let book = wallet.book().unwrap();
        book.vouchers.values().map(|held| held.refused).collect()
    };
    // Each time others, and in the end those that were never refused.
    assert_eq!(refused.iter().filter(|times| **times == 1).count(), 28);
    assert_eq!(refused.iter().filter(|times| **times == 0).count(), 4);
    let rest = bank.ask(28, None);
    wallet.pay(&bank, &rest, &pin()).await.unwrap();
}

#[tokio::test]
async fn a_poster_is_never_paid_twice_by_itself() {
    let bank = Bank {
        persistent: true,
        ..Bank::new()
    };
    let wallet = Wallet::with(&bank, &[("H", 30)]).await;
    let code = bank.ask(10, None);
    wallet.pay(&bank, &code, &pin()).await.unwrap();
    wallet.pay(&bank, &code, &pin()).await.unwrap();
    assert_eq!(bank.spent().len(), 20);

    bank.then([Way::LostBefore]);
    wallet.pay(&bank, &code, &pin()).await.unwrap_err();
    let error = wallet.pay(&bank, &code, &pin()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (Kind::OutcomeUnknown, Retry::Never)
    );
    assert_eq!(bank.calls("confirm").len(), 2);
    wallet.settle(&code, false).await.unwrap();
    wallet.pay(&bank, &code, &pin()).await.unwrap();
    assert_eq!(bank.spent(), wallet.in_state(VoucherState::Spent));
    assert!(wallet.settle(&code, true).await.is_err());
}

#[tokio::test]
async fn many_calls_at_once_neither_share_a_voucher_nor_repeat_a_code() {
    let bank = Arc::new(Bank::new());
    let wallet = Wallet::with(&bank, &[("H", 100), ("C", 100), ("E", 120)]).await;
    let same = bank.ask(5, None);
    let mut paying = JoinSet::new();
    for n in 0..64 {
        let (bank, pocket) = (Arc::clone(&bank), wallet.pocket.clone().unwrap());
        let code = if n % 2 == 0 {
            same.clone()
        } else {
            bank.ask(10, None)
        };
        paying.spawn(async move { pocket.pay(&*bank, &code, &pin()).await });
    }
    let done = paying.join_all().await;
    let paid = done.iter().filter(|done| done.is_ok()).count();
    // If the code of 5 was early, 31 of the others fit into 320; if late, it finds nothing left.
    assert_eq!(bank.spent().len(), if paid == 63 { 315 } else { 320 });
    assert_eq!(bank.spent(), wallet.in_state(VoucherState::Spent));
    assert!(wallet.in_state(VoucherState::Reserved).is_empty());

    let code = bank.issue("H", 7);
    let mut redeeming = JoinSet::new();
    for _ in 0..64 {
        let (bank, pocket) = (Arc::clone(&bank), wallet.pocket.clone().unwrap());
        let code = code.clone();
        redeeming.spawn(async move { pocket.redeem(&*bank, &code, &pin(), None).await });
    }
    assert!(redeeming.join_all().await.iter().all(Result::is_ok));
    assert_eq!(bank.calls("redeem").len(), 4);
}

#[tokio::test]
async fn vouchers_are_shown_to_their_registry_only() {
    let bank = Bank::new();
    let wallet = Wallet::with(&bank, &[("H", 30)]).await;
    let other = Bank {
        address: "https://other.example",
        key: "other",
        ..Bank::new()
    };
    let error = wallet
        .pay(&other, &other.ask(1, None), &pin())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::StoreMismatch);
    assert!(other.calls("confirm").is_empty());
    // First it moves, then it changes its key.
    for (address, key) in [("https://new.example", "k"), ("https://new.example", "k2")] {
        let moved = Bank {
            address,
            key,
            ..Bank::new()
        };
        let code = moved.issue("H", 1);
        wallet.redeem(&moved, &code, &pin(), None).await.unwrap();
    }
}

#[tokio::test]
async fn the_wrong_sort_of_link_is_not_sent() {
    let bank = Bank::new();
    let wallet = Wallet::new();
    let error = wallet
        .redeem(&bank, &bank.ask(1, None), &pin(), None)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    let error = wallet
        .pay(&bank, &bank.issue("H", 1), &pin())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
}

#[tokio::test]
async fn the_file_is_private_locked_and_not_guessed_at() {
    let bank = Bank::new();
    let mut wallet = Wallet::with(&bank, &[("H", 3)]).await;
    let error = Pocket::open(wallet.path()).unwrap_err();
    assert_eq!(error.kind(), Kind::StoreLocked);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(wallet.path())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    wallet.pocket = None;
    let text = std::fs::read_to_string(wallet.path()).unwrap();
    let refused = |text: &str| {
        std::fs::write(wallet.path(), text).unwrap();
        let error = Pocket::open(wallet.path()).unwrap_err();
        assert_eq!(std::fs::read_to_string(wallet.path()).unwrap(), text);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        error.kind()
    };
    assert_eq!(refused(&text[..text.len() / 2]), Kind::StorageFailed);
    assert_eq!(refused(""), Kind::StorageFailed);
    assert_eq!(
        refused(&text.replace("\"secret\":\"", "\"secret\":5,\"x\":\"")),
        Kind::StorageFailed
    );
    assert_eq!(
        refused(&text.replace("\"version\":1", "\"version\":2")),
        Kind::StoreMismatch
    );
    std::fs::write(wallet.path(), &text).unwrap();
    wallet.reopen();
    assert_eq!(wallet.balance().unwrap(), [("H".to_owned(), 3)].into());
    let error = Pocket::open("/does/not/exist/wallet.json").unwrap_err();
    assert_eq!(error.kind(), Kind::StorageFailed);
}

#[tokio::test]
async fn what_is_not_in_the_file_did_not_happen() {
    let bank = Bank::new();
    let wallet = Wallet::new();
    let code = bank.issue("H", 3);
    // The file cannot be replaced: a folder is in its place.
    std::fs::create_dir(wallet.path()).unwrap();
    let error = wallet.redeem(&bank, &code, &pin(), None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::StorageFailed);
    assert!(bank.calls("redeem").is_empty());
    std::fs::remove_dir(wallet.path()).unwrap();
    wallet.redeem(&bank, &code, &pin(), None).await.unwrap();
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        3 => Just(Way::Through),
        2 => Just(Way::LostBefore),
        2 => Just(Way::LostAfter),
        1 => Just(Way::Refused(Kind::PinWrong)),
        1 => Just(Way::Refused(Kind::NetworkUnreachable)),
        1 => Just(Way::Refused(Kind::RateLimited)),
        1 => Just(Way::Refused(Kind::RegistryFailed)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever gets lost and whenever the process dies: in the end every voucher is in the wallet,
    /// and what the wallet holds as spent is what the Registry has spent.
    #[test]
    fn nothing_is_lost_and_nothing_doubled(
        ways in proptest::collection::vec(way(), 0..24),
        crashes in proptest::collection::vec(any::<bool>(), 64),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bank = Bank::new().goes(ways);
            let mut wallet = Wallet::new();
            let mut crashes = crashes.into_iter().cycle();
            let codes = [bank.issue("H", 8), bank.issue("C", 5)];
            let payments = [bank.ask(3, None), bank.ask(6, None), bank.ask(4, None)];
            for code in &codes {
                while wallet.redeem(&bank, code, &pin(), None).await.is_err() {
                    if crashes.next() == Some(true) {
                        wallet.reopen();
                    }
                }
            }
            for code in &payments {
                while wallet.pay(&bank, code, &pin()).await.is_err() {
                    let free = wallet.in_state(VoucherState::Free);
                    assert!(free.is_disjoint(&bank.spent()), "spent, and free in the wallet");
                    if crashes.next() == Some(true) {
                        wallet.reopen();
                    }
                }
            }
            wallet.reopen();
            assert!(wallet.in_state(VoucherState::Free).is_empty());
            assert_eq!(wallet.in_state(VoucherState::Spent), bank.spent());
            assert_eq!(bank.spent().len(), 13);
        });
    }
}
