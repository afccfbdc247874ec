//! `wom adapters`: what can be read, and what can be told to whom.

use serde_json::{Value, json};
use wom_catalog::{Catalog, Entry, Form, Setting};
use wom_sdk::{
    Result,
    instrument::{Capabilities, Proven},
};

use crate::output::Output;

/// List the adapters: what each reads, offers and can be told.
#[derive(clap::Args, Debug)]
pub struct Args {}

pub fn run(_args: &Args, output: &Output) -> Result<()> {
    let catalog = Catalog::standard();
    output.object(&as_object(&catalog));
    for entry in catalog.adapters() {
        output.heading(entry.info.name);
        describe(entry, output);
        describe_settings("--set ", &entry.settings, output);
    }
    for rules in catalog.rules() {
        let kind = output.say("rule set", "insieme di regole");
        output.heading(format_args!("{} ({kind})", rules.name));
        output.line(format_args!("  {}", rules.summary));
        let table = output.say("settings in wom.toml", "impostazioni in wom.toml");
        output.line(format_args!("  {table}: [rules.\"{}\"]", rules.name));
        describe_settings("", &rules.settings, output);
    }
    Ok(())
}

fn describe(entry: &Entry, output: &Output) {
    output.line(format_args!("  {}", entry.info.summary));
    let offers = capabilities(entry.capabilities);
    let offers: Vec<_> = offers
        .iter()
        .filter(|(_, offered, ..)| *offered)
        .map(|(_, _, english, italian)| output.say(english, italian))
        .collect();
    output.line(format_args!("  {}", offers.join(", ")));
    let judged = output.say("judged by", "giudicato da");
    let proven = match entry.info.proven {
        Proven::RealSystem => output.say(
            "proven on the real system or real files of it",
            "provato sul sistema reale o su suoi file reali",
        ),
        _ => output.say(
            "made from documentation only",
            "fatto solo in base alla documentazione",
        ),
    };
    output.line(format_args!("  {judged} {}; {proven}", entry.info.rules));
}

fn describe_settings(before: &str, settings: &[Setting], output: &Output) {
    for setting in settings {
        let default = match setting.default {
            Some(default) => format!("{}={default}", setting.name),
            None => format!("{}=…", setting.name),
        };
        let unit = setting
            .unit
            .map_or(String::new(), |unit| format!(" ({unit})"));
        let words = match setting.form {
            Form::OneOf(words) => format!(" [{}]", words.join("|")),
            _ => String::new(),
        };
        output.line(format_args!("    {before}{default}{words}{unit}"));
        output.line(format_args!("        {}", setting.meaning));
    }
}

fn as_object(catalog: &Catalog) -> Value {
    let adapters: Vec<_> = catalog.adapters().map(adapter_object).collect();
    let rules: Vec<_> = catalog
        .rules()
        .map(|rules| {
            json!({"name": rules.name, "summary": rules.summary, "settings": rules.settings})
        })
        .collect();
    json!({"adapters": adapters, "rules": rules})
}

fn adapter_object(entry: &Entry) -> Value {
    let offers: serde_json::Map<_, _> = capabilities(entry.capabilities)
        .iter()
        .map(|(name, offered, ..)| ((*name).to_owned(), json!(offered)))
        .collect();
    json!({
        "name": entry.info.name,
        "summary": entry.info.summary,
        "rules": entry.info.rules,
        "proven": match entry.info.proven {
            Proven::RealSystem => "real_system",
            _ => "documentation",
        },
        "capabilities": offers,
        "settings": entry.settings,
    })
}

/// Name, whether it is offered, and how people call it in English and Italian.
fn capabilities(
    capabilities: Capabilities,
) -> [(&'static str, bool, &'static str, &'static str); 5] {
    [
        (
            "read_file",
            capabilities.read_file,
            "reads files",
            "legge file",
        ),
        ("pull", capabilities.pull, "pulls", "interroga il sistema"),
        (
            "webhook",
            capabilities.webhook,
            "takes webhooks",
            "riceve webhook",
        ),
        (
            "refresh",
            capabilities.refresh,
            "asks again before settlement",
            "ricontrolla prima del saldo",
        ),
        (
            "withdraws",
            capabilities.withdraws,
            "takes back what was withdrawn",
            "annulla ciò che è stato ritirato",
        ),
    ]
}
