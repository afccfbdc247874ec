//! The page for cashiers: a till for a shop without any integration.
//!
//! Pick an offer, type the total, show the code, type the discount in, confirm. It is made of plain
//! forms, so it works without scripts; the script adds keys, a keypad, a countdown, and waits. All that
//! it knows stands in the store, so a restart in the middle of a payment loses nothing.

mod counter;
mod door;
mod forms;
mod home;
mod lists;
mod report;
mod sale;
mod visitor;

pub use door::TillPage;

use std::sync::LazyLock;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use wom_sdk::{Error, Kind, Result};

use crate::{
    Service,
    page::{Document, Dress, Html, Language},
};
use forms::{Form, paragraph};
use visitor::{Posted, Visitor, language_of};

/// Bytes of a form.
const FORM: usize = 16 * 1024;
/// Remembers which language was chosen.
const LANGUAGE: &str = "wom_till_language";
const YEAR_S: i64 = 366 * 86_400;

static DRESS: LazyLock<Dress> = LazyLock::new(|| {
    Dress::new(
        concat!(include_str!("../page/style.css"), include_str!("style.css")),
        concat!(include_str!("../page/copy.js"), include_str!("script.js")),
    )
    .asks_its_own_site()
});

pub(crate) fn router() -> Router<Service> {
    Router::new()
        .route("/till", get(shops))
        .route("/till/enter", post(enter))
        .route("/till/leave", post(leave))
        .route("/till/language/{language}", post(speak))
        .route("/till/{shop}", get(home::show))
        .route("/till/{shop}/new/{offer}", get(counter::show))
        .route("/till/{shop}/sales", get(lists::today).post(counter::begin))
        .route("/till/{shop}/sales/{sale}", get(sale::show))
        .route("/till/{shop}/sales/{sale}/{what}", post(sale::act))
        .route("/till/{shop}/wait", get(sale::wait))
        .route("/till/{shop}/report", get(report::show))
        .route("/till/{shop}/report/{file}", get(report::file))
        .layer(DefaultBodyLimit::max(FORM))
}

/// Destroys the keys of sessions that are over.
pub(crate) fn forget(service: &Service) -> Result<()> {
    let now = service.0.clock.now();
    let page = service.0.till_page.as_ref();
    page.map_or(Ok(()), |page| page.forget(now))
}

/// The shops of whoever asks; where there is one, that.
async fn shops(visitor: Visitor) -> Response {
    let shops = visitor.shops();
    if let [only] = shops.as_slice() {
        return to(&format!("/till/{}", only.name()));
    }
    let language = visitor.language;
    let title = language.say("Your shops", "I tuoi negozi");
    let mut main = heading(title);
    if shops.is_empty() {
        main = main.then(paragraph(language.say(
            "There is no shop for you here. Ask whoever runs this program: a shop stands in wom.toml, and the token has to be for its POS.",
            "Qui non c’è nessun negozio per te. Chiedi a chi gestisce questo programma: un negozio sta in wom.toml, e il token deve valere per il suo POS.",
        )));
    }
    main = main.markup("<nav class=\"offers\">");
    for shop in &shops {
        main = main
            .markup("<a class=\"offer\" href=\"/till/")
            .text(shop.name())
            .markup("\"><strong>")
            .text(shop.title())
            .markup("</strong></a>");
    }
    main = main.markup("</nav>");
    document(StatusCode::OK, &visitor, None, title, main)
}

/// A code or a token is typed in: from now on the browser is known.
async fn enter(State(service): State<Service>, headers: HeaderMap, form: Form) -> Response {
    let language = language_of(&headers, None);
    if !door::is_called_by_name(&service, &headers) || !door::is_from_here(&service, &headers) {
        return strange(language);
    }
    let Some(page) = service.0.till_page.as_ref() else {
        return not_here(language);
    };
    let session = match page.let_in(&service, form.get("code")) {
        Ok(Some(session)) => session,
        Ok(None) => {
            return sign_in(
                &service,
                language,
                Some(language.say(
                    "That is not right. Read it again, and type it anew.",
                    "Non è giusto. Rileggilo e scrivilo di nuovo.",
                )),
            );
        }
        Err(_) => {
            return sign_in(
                &service,
                language,
                Some(language.say(
                    "Too many wrong codes. Wait a minute.",
                    "Troppi codici sbagliati. Aspetta un minuto.",
                )),
            );
        }
    };
    match page.cookie(&service, &session) {
        Ok(cookie) => with_cookie(to("/till"), &cookie),
        Err(error) => failed(&error, language),
    }
}

async fn leave(posted: Posted) -> Response {
    let cookie = door::leave(&posted.visitor.service);
    with_cookie(to("/till"), &cookie)
}

/// From now on the page speaks this language, and comes back to where it was.
async fn speak(
    State(service): State<Service>,
    Path(language): Path<Language>,
    headers: HeaderMap,
    form: Form,
) -> Response {
    if !door::is_called_by_name(&service, &headers) || !door::is_from_here(&service, &headers) {
        return strange(language);
    }
    let cookie = door::set_cookie(&service, LANGUAGE, language.tag(), YEAR_S);
    let back = form.get("back");
    let ours = back.starts_with("/till") && back.bytes().all(|byte| byte.is_ascii_graphic());
    with_cookie(to(if ours { back } else { "/till" }), &cookie)
}

/// Where somebody is let in. `wrong` says why they were not.
fn sign_in(service: &Service, language: Language, wrong: Option<&'static str>) -> Response {
    if service.0.till_page.is_none() {
        return not_here(language);
    }
    let title = language.say("Who are you?", "Chi sei?");
    let mut main = heading(title);
    if let Some(wrong) = wrong {
        main = main.then(forms::alert(wrong));
    }
    main = main
        .markup("<form method=\"post\" action=\"/till/enter\"><p class=\"field\"><label for=\"code\">")
        .markup(language.say(
            "The code on the screen where the till was started, or a token for this till",
            "Il codice sullo schermo dove la cassa è stata avviata, o un token per questa cassa",
        ))
        .markup("</label><input id=\"code\" name=\"code\" type=\"password\" autocomplete=\"current-password\" autocapitalize=\"off\" spellcheck=\"false\" required autofocus></p><button>")
        .markup(language.say("Open the till", "Apri la cassa"))
        .markup("</button></form>");
    let bar = Html::new("<p>WOM</p>").then(other_language(language, "/till"));
    let text = DRESS.page(Document {
        language,
        title,
        head: Html::default(),
        bar,
        main,
        foot: "",
    });
    DRESS.html(StatusCode::UNAUTHORIZED, text)
}

/// A page of somebody who is let in. `at` is the shop.
fn document(
    status: StatusCode,
    visitor: &Visitor,
    shop: Option<&crate::ServedShop>,
    title: &str,
    main: Html,
) -> Response {
    again_document(status, visitor, shop, title, main, None)
}

/// The same, of something that goes on by itself: without scripts the page is asked for again after so
/// many seconds.
fn again_document(
    status: StatusCode,
    visitor: &Visitor,
    shop: Option<&crate::ServedShop>,
    title: &str,
    main: Html,
    seconds: Option<&'static str>,
) -> Response {
    let language = visitor.language;
    let mut bar = match shop {
        Some(shop) => Html::new("<p><a href=\"/till/")
            .text(shop.name())
            .markup("\">WOM · <b>")
            .text(shop.title())
            .markup("</b></a></p>"),
        None => Html::new("<p>WOM</p>"),
    };
    bar = bar.then(other_language(language, &visitor.address));
    let head = seconds.map_or_else(Html::default, |seconds| {
        Html::new("<noscript><meta http-equiv=\"refresh\" content=\"")
            .markup(seconds)
            .markup("\"></noscript>")
    });
    let text = DRESS.page(Document {
        language,
        title,
        head,
        bar,
        main,
        foot: "",
    });
    DRESS.html(status, text)
}

fn other_language(language: Language, back: &str) -> Html {
    let other = language.other();
    Html::new("<form method=\"post\" action=\"/till/language/")
        .markup(other.tag())
        .markup("\"><input type=\"hidden\" name=\"back\" value=\"")
        .text(back)
        .markup("\"><button class=\"quiet\" lang=\"")
        .markup(other.tag())
        .markup("\">")
        .markup(other.own_name())
        .markup("</button></form>")
}

fn heading(title: &str) -> Html {
    Html::new("<h1>").text(title).markup("</h1>")
}

/// A page that only says something, with a way back.
fn notice(
    status: StatusCode,
    language: Language,
    title: &'static str,
    text: &'static str,
) -> Response {
    let main = heading(title)
        .then(paragraph(text))
        .markup("<p><a class=\"button\" data-escape href=\"/till\">")
        .markup(language.say("To the till", "Alla cassa"))
        .markup("</a></p>");
    let text = DRESS.page(Document {
        language,
        title,
        head: Html::default(),
        bar: Html::new("<p>WOM</p>"),
        main,
        foot: "",
    });
    DRESS.html(status, text)
}

/// What does not come from a page of ours is not done.
fn strange(language: Language) -> Response {
    notice(
        StatusCode::FORBIDDEN,
        language,
        language.say("This was not done", "Questo non è stato fatto"),
        language.say(
            "It did not come from the till's own page, or that page is too old. Open the till anew.",
            "Non veniva dalla pagina della cassa, o quella pagina è troppo vecchia. Apri di nuovo la cassa.",
        ),
    )
}

fn not_here(language: Language) -> Response {
    notice(
        StatusCode::NOT_FOUND,
        language,
        language.say("There is nothing here", "Qui non c’è niente"),
        language.say(
            "There is no such shop or sale, or it is not for you.",
            "Non c’è nessun negozio o vendita così, oppure non è per te.",
        ),
    )
}

fn failed(error: &Error, language: Language) -> Response {
    tracing::warn!(
        code = error.code(),
        "the till page could not do it: {error}"
    );
    if error.kind() == Kind::InputInvalid {
        return notice(
            StatusCode::CONFLICT,
            language,
            language.say("This is over already", "Questo è già concluso"),
            language.say(
                "The sale has moved on meanwhile. Look at it again.",
                "Nel frattempo la vendita è andata avanti. Guardala di nuovo.",
            ),
        );
    }
    notice(
        StatusCode::SERVICE_UNAVAILABLE,
        language,
        language.say("Not at this moment", "Non in questo momento"),
        language.say(
            "Something does not answer. Nothing is lost: try again in a moment.",
            "Qualcosa non risponde. Non si è perso nulla: riprova tra un momento.",
        ),
    )
}

fn to(address: &str) -> Response {
    Redirect::to(address).into_response()
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_from_elsewhere_stands_in_style_or_script() {
        super::DRESS.check();
    }
}
