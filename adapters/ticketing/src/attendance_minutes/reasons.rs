//! Why a ticket counts or does not count: the words of `attendance/1`.

use wom_sdk::{observation::Standing, rules::Reason};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident, $code:literal, $en:literal, $it:literal;)+) => {
        $($(#[doc = $doc])+ pub static $name: Reason = Reason { code: $code, en: $en, it: $it };)+

        /// Every reason.
        pub static ALL: &[&Reason] = &[$(&$name,)+];
    };
}

reasons! {
    /// From an entry to an exit.
    MEASURED, "measured",
        "the time from coming in to going out counts, as far as it was planned",
        "conta il tempo dall'entrata all'uscita, per quanto era in programma";
    /// From an entry to the planned end.
    TO_THE_END, "to_the_end",
        "nobody was seen to leave, so the time from coming in to the planned end counts",
        "nessuna uscita registrata, perciò conta il tempo dall'entrata alla fine prevista";
    /// All of the planned time.
    SCHEDULED, "scheduled",
        "the whole planned time counts for whoever came in",
        "per chi è entrato conta tutto il tempo previsto";
    /// The exit that ends what another record began.
    EXIT, "exit",
        "this is the exit that ends a stay",
        "questa è l'uscita che chiude una presenza";
    /// An entry without an exit where both are needed.
    NO_EXIT, "no_exit",
        "nobody was seen to leave, and here only what lies between an entry and an exit counts",
        "nessuna uscita registrata, e qui conta solo il tempo tra entrata e uscita";
    /// There before the beginning, after the end or in a break only.
    NOT_DURING, "not_during",
        "the stay lies before the beginning, after the end or in a break",
        "la presenza cade prima dell'inizio, dopo la fine o in una pausa";
    /// An entry after an entry.
    ENTRY_AGAIN, "entry_again",
        "the ticket was scanned again while its holder was in already",
        "il biglietto è stato letto di nuovo mentre la persona era già dentro";
    /// An entry that the system wrote by itself.
    ENTRY_AUTOMATIC, "entry_automatic",
        "the system wrote this entry by itself, and nobody was seen",
        "il sistema ha registrato da solo questa entrata, senza che nessuno sia stato visto";
    /// An exit without an entry.
    EXIT_WITHOUT_ENTRY, "exit_without_entry",
        "an exit without an entry before it does not count",
        "un'uscita senza un'entrata precedente non conta";
    /// A scan on another day, or after the end.
    WRONG_TIME, "wrong_time",
        "the ticket was scanned long before the beginning or after the end",
        "il biglietto è stato letto molto prima dell'inizio o dopo la fine";
    /// A ticket that nobody scanned.
    NOT_SCANNED, "not_scanned",
        "the ticket was never scanned: buying one is not attending",
        "il biglietto non è mai stato letto: comprarlo non vuol dire partecipare";
    /// Too few minutes.
    BELOW_MINIMUM, "below_minimum",
        "the stay is shorter than what counts at all",
        "la presenza è più breve del minimo che conta";
    /// Too small a part of the planned time.
    BELOW_SHARE, "below_share",
        "too little of the planned time was attended",
        "è stata seguita una parte troppo piccola del tempo previsto";
    /// Over the cap.
    OVER_CAP, "over_cap",
        "more time than a session can be worth; what is over does not count",
        "più tempo di quanto una sessione può valere; l'eccedenza non conta";
    /// At two sessions at once.
    TWO_AT_ONCE, "two_at_once",
        "two sessions were attended at the same time, so a person must look at the time that they share",
        "risultano seguite due sessioni nello stesso momento, perciò il tempo in comune va verificato da una persona";
    /// A ticket of something that admits nobody.
    NO_ADMISSION, "no_admission",
        "what was bought admits nobody, such as parking or a drink",
        "l'acquisto non dà diritto a entrare, come un parcheggio o una bibita";
    /// A ticket of a kind that earns nothing.
    EXCLUDED, "excluded",
        "tickets of this kind, such as those of staff and press, earn nothing here",
        "i biglietti di questo tipo, come quelli di personale e stampa, qui non valgono";
    /// A ticket of a test.
    TEST, "test",
        "the order was a test",
        "l'ordine era una prova";
    /// A ticket that is not paid.
    UNPAID, "unpaid",
        "the order is not paid",
        "l'ordine non è pagato";
    /// A ticket that is blocked.
    BLOCKED, "blocked",
        "the ticket is blocked",
        "il biglietto è bloccato";
    /// A ticket whose price was paid back.
    REFUNDED, "refunded",
        "the ticket's price was paid back",
        "il prezzo del biglietto è stato rimborsato";
    /// A ticket that was cancelled.
    CANCELLED, "cancelled",
        "the ticket was cancelled",
        "il biglietto è stato annullato";
    /// A ticket whose standing this version does not know.
    UNKNOWN_STANDING, "unknown_standing",
        "these rules do not know whether such a ticket is good",
        "queste regole non sanno se un biglietto simile sia valido";
    /// A record of another kind.
    NOT_USED, "not_used",
        "this rule set does not use records of this kind",
        "queste regole non usano registrazioni di questo tipo";
}

/// Why a ticket of this standing does not count; `None` for a good one.
pub(super) fn against(standing: Standing) -> Option<&'static Reason> {
    Some(match standing {
        Standing::Valid => return None,
        Standing::NoAdmission => &NO_ADMISSION,
        Standing::Excluded => &EXCLUDED,
        Standing::Test => &TEST,
        Standing::Unpaid => &UNPAID,
        Standing::Blocked => &BLOCKED,
        Standing::Refunded => &REFUNDED,
        Standing::Cancelled => &CANCELLED,
        _ => &UNKNOWN_STANDING,
    })
}
