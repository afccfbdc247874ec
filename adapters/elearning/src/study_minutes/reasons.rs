//! Why a record counts or does not count: the words of `study-minutes/1`.

use wom_sdk::rules::Reason;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident, $code:literal, $en:literal, $it:literal;)+) => {
        $($(#[doc = $doc])+ pub static $name: Reason = Reason { code: $code, en: $en, it: $it };)+

        /// Every reason.
        pub static ALL: &[&Reason] = &[$(&$name,)+];
    };
}

reasons! {
    /// An interval as it was claimed.
    INTERVAL, "interval",
        "the stated time counts",
        "il tempo dichiarato conta";
    /// An interval that its session's beginning or the platform's clock bounds.
    INTERVAL_CLIPPED, "interval_clipped",
        "the stated time is longer than the session was, so only the time of the session counts",
        "il tempo dichiarato supera la durata della sessione, quindi conta solo il tempo della sessione";
    /// An interval longer than anybody studies at a stretch.
    INTERVAL_CUT, "interval_cut",
        "the stated time is very long, so only its end counts",
        "il tempo dichiarato è molto lungo, quindi conta solo la parte finale";
    /// An interval that nothing bounds.
    INTERVAL_WEAK, "interval_weak",
        "the stated time counts, though nothing else confirms it",
        "il tempo dichiarato conta, anche se nient'altro lo conferma";
    /// An interval that nothing bounds, where bounds are asked for.
    UNBOUNDED, "unbounded",
        "nothing but the learner's own program tells this time, so it does not count",
        "solo il programma dello studente attesta questo tempo, perciò non conta";
    /// An interval with nothing of it within its session.
    CLIPPED_AWAY, "clipped_away",
        "the stated time lies outside its session",
        "il tempo dichiarato è al di fuori della sua sessione";
    /// Seconds within an envelope.
    SECONDS_WITHIN, "seconds_within",
        "the time that the platform counted during the visit counts, where nothing else already did",
        "il tempo misurato dalla piattaforma durante la visita conta, dove non è già stato contato altro";
    /// A point with a near neighbour after it.
    CHAINED, "chained",
        "the time up to the next activity counts, as it followed soon",
        "il tempo fino all'attività successiva conta, perché è seguita a breve";
    /// A point with a far neighbour after it.
    IDLE, "idle",
        "the next activity came too late, so the time in between does not count",
        "l'attività successiva è arrivata troppo tardi, perciò il tempo trascorso non conta";
    /// A point with none after it.
    LAST_POINT, "last_point",
        "nothing followed, so nobody knows how long it took",
        "non è seguito altro, perciò non si sa quanto sia durata";
    /// A film that played.
    FILM, "film",
        "the film counts for as long as it played and moved on",
        "il filmato conta per il tempo in cui è stato riprodotto ed è andato avanti";
    /// Over the cap of an item.
    OVER_ITEM_CAP, "over_item_cap",
        "more time than this activity can be worth; what is over does not count",
        "più tempo di quanto questa attività può valere; l'eccedenza non conta";
    /// Over the cap of the day.
    OVER_DAY_CAP, "over_day_cap",
        "more time than can count in a day; what is over does not count",
        "più tempo di quanto può contare in un giorno; l'eccedenza non conta";
    /// Over the cap of the week.
    OVER_WEEK_CAP, "over_week_cap",
        "more time than can count in a week; what is over does not count",
        "più tempo di quanto può contare in una settimana; l'eccedenza non conta";
    /// A milestone that counts.
    MILESTONE, "milestone",
        "the milestone counts once, for what the time spent has not earned already",
        "il traguardo conta una volta, per quanto il tempo dedicato non ha già maturato";
    /// The same milestone again.
    MILESTONE_AGAIN, "milestone_again",
        "the milestone was reached before and counts only the first time",
        "il traguardo era già stato raggiunto e conta solo la prima volta";
    /// A milestone of which time has earned everything.
    MILESTONE_EARNED_BY_TIME, "milestone_earned_by_time",
        "the time spent has already earned what the milestone is worth",
        "il tempo dedicato ha già maturato quanto vale il traguardo";
    /// A milestone of a kind that is worth nothing.
    MILESTONE_OFF, "milestone_off",
        "milestones of this kind earn nothing here",
        "i traguardi di questo tipo qui non valgono nulla";
    /// A milestone without study.
    MILESTONE_WITHOUT_STUDY, "milestone_without_study",
        "no study time was earned in this activity, so its milestone does not count",
        "in questa attività non è stato maturato tempo di studio, perciò il traguardo non conta";
    /// Time that only milestones look at.
    KEPT_FOR_MILESTONES, "kept_for_milestones",
        "this time is kept only to tell what a milestone is still worth",
        "questo tempo è conservato solo per stabilire quanto vale ancora un traguardo";
    /// A session for looking around.
    BROWSED, "browsed",
        "the session was for looking around or looking back, so it does not count",
        "la sessione serviva per dare un'occhiata o ripassare, perciò non conta";
    /// A record of what is to come.
    FUTURE, "future",
        "the record lies in the future",
        "la registrazione si colloca nel futuro";
    /// A record of another kind.
    NOT_USED, "not_used",
        "this rule set does not use records of this kind",
        "queste regole non usano registrazioni di questo tipo";
}
