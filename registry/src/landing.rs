//! The pages behind links: what a person without a wallet sees. They never tell whether a code exists.

use axum::{
    extract::{Path, State},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use wom_sdk::protocol::Otc;

use crate::Registry;

/// The page of `/vouchers/<otc>`.
pub(crate) async fn vouchers(
    State(registry): State<Registry>,
    Path(otc): Path<String>,
) -> Response {
    page(
        &registry,
        &otc,
        &Texts {
            path: "vouchers",
            command: "redeem",
            title: "You have been given WOM",
            english: "This link holds vouchers of one minute each, given to you for time that you \
                      spent on something useful to others. They are yours once they are in a \
                      wallet: you need this link and the PIN that came with it.",
            italian: "Questo link contiene voucher da un minuto ciascuno, in riconoscimento del \
                      tempo che hai dedicato a qualcosa di utile per gli altri. Diventano tuoi quando \
                      entrano in un portafoglio: servono questo link e il PIN ricevuto insieme.",
        },
    )
}

/// The page of `/payment/<otc>`.
pub(crate) async fn payment(State(registry): State<Registry>, Path(otc): Path<String>) -> Response {
    page(
        &registry,
        &otc,
        &Texts {
            path: "payment",
            command: "pay",
            title: "You are asked for WOM",
            english: "This link asks for some of your vouchers in exchange for what the shop offers. \
                      To see how many, and to pay, you need this link and the PIN that the shop shows.",
            italian: "Questo link chiede alcuni dei tuoi voucher in cambio di quanto offre il negozio. \
                      Per sapere quanti, e per pagare, servono questo link e il PIN mostrato dal negozio.",
        },
    )
}

struct Texts {
    path: &'static str,
    command: &'static str,
    title: &'static str,
    english: &'static str,
    italian: &'static str,
}

fn page(registry: &Registry, otc: &str, texts: &Texts) -> Response {
    // Only what a code can consist of is ever shown again.
    let Ok(otc) = otc.parse::<Otc>() else {
        return (
            StatusCode::BAD_REQUEST,
            headers(),
            document("Not a WOM link", "<p>This link is not complete. Open it, or copy it, as a whole.</p><p lang=\"it\">Il link non è completo: aprilo o copialo per intero.</p>"),
        )
            .into_response();
    };
    let url = escape(registry.public_url());
    // Others can read a command line, so the program asks for the link.
    let command = format!(
        "wom pocket --wallet wallet.json {} --registry {url}",
        texts.command
    );
    let link = format!("{url}/{}/{}", texts.path, otc.reveal());
    let body = format!(
        "<p>{}</p><p>With the <code>wom</code> program:</p><pre>{command}</pre>\
         <p>It asks for the link, and then for the PIN:</p><pre>{link}</pre>\
         <hr><p lang=\"it\">{}</p><p lang=\"it\">Con il programma <code>wom</code> usa il comando qui \
         sopra: chiede il link, e poi il PIN.</p>",
        texts.english, texts.italian,
    );
    (StatusCode::OK, headers(), document(texts.title, &body)).into_response()
}

/// Nothing is loaded from elsewhere, kept, or told to the next site.
fn headers() -> [(HeaderName, &'static str); 5] {
    [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    ]
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:10vh auto;padding:0 1rem}}\
         pre{{white-space:pre-wrap;overflow-wrap:anywhere;background:#8882;padding:.8rem;border-radius:.4rem}}</style>\
         </head><body><h1>{title}</h1>{body}</body></html>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
