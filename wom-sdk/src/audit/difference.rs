//! What an audit can find.

/// The most differences that are told one by one.
const MOST: usize = 1_000;

/// What an audit found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// How many differences there are.
    pub count: u64,
    /// The first 1,000 of them: what, and where. Names no person and shows no code.
    pub differences: Vec<(Difference, String)>,
}

impl Found {
    /// One difference more. The place names no person and shows no code.
    pub fn add(&mut self, difference: Difference, place: String) {
        self.count += 1;
        if self.differences.len() < MOST {
            self.differences.push((difference, place));
        }
    }
}

/// One way in which books do not agree.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Difference {
    /// A row of an award cannot be read.
    AwardDamaged,
    /// Two awards have one key.
    AwardTwice,
    /// Accounts say that more was awarded than all awards come to.
    AwardMissing,
    /// More waits for a participant than the accounts say was awarded.
    AwardedWithoutAccount,
    /// An award is held or parked, and nothing says why.
    NoReason,
    /// An award is collected, and its code or whose it is was kept.
    NotForgotten,
    /// An award has to have a code, and has none.
    CodeMissing,
    /// A code does not open with these keys.
    CodeSealed,
    /// A code is for another number of vouchers than its award.
    CodeMiscounted,
    /// Two awards have one code.
    CodeTwice,
    /// The Registry does not know a code.
    CodeUnknown,
    /// A code was offered that cannot be redeemed.
    CodeNotGood,
    /// Accounts of a participant cannot be read.
    AccountDamaged,
    /// An account has awarded more than was settled.
    AccountOverdrawn,
    /// The number of an account's payments does not fit what it has awarded.
    AccountMiscounted,
    /// An account has more for a day than the campaign's cap.
    AccountOverCap,
    /// Accounts have given back more minutes as refused than awards are refused.
    RefusedNotRefused,
    /// The Registry issued more for the source than the awards come to.
    IssuedMore,
    /// More was collected here than the Registry issued.
    CollectedNotIssued,
    /// The Registry does not know the source.
    SourceUnknown,
    /// The source may not award an aim that awards are of.
    AimRefused,
    /// The Registry's own books contradict themselves.
    RegistryContradicts,
}

impl Difference {
    /// A stable word for it.
    pub fn code(self) -> &'static str {
        self.words().0
    }

    /// What it is, as people read it.
    pub fn message(self) -> &'static str {
        self.words().1
    }

    /// What to do.
    pub fn advice(self) -> &'static str {
        self.words().2
    }

    fn words(self) -> (&'static str, &'static str, &'static str) {
        const RESTORE: &str = "look for what wrote into the store beside this program; restore the backup from before, and submit again what came since: nothing counts twice";
        match self {
            Self::AwardDamaged => ("award_damaged", "an award cannot be read", RESTORE),
            Self::AwardTwice => ("award_twice", "two awards have one key", RESTORE),
            Self::AwardMissing => (
                "award_missing",
                "accounts have awarded more than all awards come to: awards were lost",
                RESTORE,
            ),
            Self::AwardedWithoutAccount => (
                "awarded_without_account",
                "more waits for a participant than the accounts have awarded: minutes would count twice",
                "collect nothing until it is understood; restore the backup from before",
            ),
            Self::NoReason => (
                "no_reason",
                "an award is held or parked, and nothing says why",
                "see wom outbox show, then wom outbox retry or wom review",
            ),
            Self::NotForgotten => (
                "not_forgotten",
                "an award was collected, and its code or whose it is was kept",
                "something else wrote into the store; erase the two columns of that row by hand",
            ),
            Self::CodeMissing => (
                "code_missing",
                "an award has to have a code, and has none",
                RESTORE,
            ),
            Self::CodeSealed => (
                "code_sealed",
                "a code does not open with these keys",
                "put the key store back that belongs to this store, and its root key",
            ),
            Self::CodeMiscounted => (
                "code_miscounted",
                "a code is for another number of vouchers than its award",
                RESTORE,
            ),
            Self::CodeTwice => ("code_twice", "two awards have one code", RESTORE),
            Self::CodeUnknown => (
                "code_unknown",
                "the Registry does not know a code that waits here",
                "was the Registry set back to an older copy? Its owner has to bring the newer one back",
            ),
            Self::CodeNotGood => (
                "code_not_good",
                "a code was offered that cannot be redeemed yet",
                "go on with it: wom outbox retry",
            ),
            Self::AccountDamaged => ("account_damaged", "an account cannot be read", RESTORE),
            Self::AccountOverdrawn => (
                "account_overdrawn",
                "an account has awarded more than was settled",
                RESTORE,
            ),
            Self::AccountMiscounted => (
                "account_miscounted",
                "the number of an account's payments does not fit what it has awarded",
                RESTORE,
            ),
            Self::AccountOverCap => (
                "account_over_cap",
                "an account has more for a day than the campaign's cap",
                "was the cap lowered since, it is right; otherwise restore the backup from before",
            ),
            Self::RefusedNotRefused => (
                "refused_not_refused",
                "accounts have given back more minutes as refused than awards are refused: minutes would count twice",
                RESTORE,
            ),
            Self::IssuedMore => (
                "issued_more",
                "the Registry issued more for this source than the awards here come to",
                "does another store award as the same source, or somebody who has its key? With an API key a lost answer leaves vouchers that nobody has",
            ),
            Self::CollectedNotIssued => (
                "collected_not_issued",
                "more was collected here than the Registry issued: awards were lost",
                "was the Registry set back to an older copy? Awards that had failed, and were given up when a person was erased, stand here too",
            ),
            Self::SourceUnknown => (
                "source_unknown",
                "the Registry does not know the source: nothing more can be awarded",
                "check the profile's source, and ask the Registry's owner",
            ),
            Self::AimRefused => (
                "aim_refused",
                "the source may not award an aim that awards here are of",
                "ask the Registry's owner to admit it again, then wom outbox retry",
            ),
            Self::RegistryContradicts => (
                "registry_contradicts",
                "the Registry's own books contradict themselves",
                "its owner has to look for what wrote into its data base, and restore it",
            ),
        }
    }
}
