//! `wom adapters`: what can be read or served, and what can be told to whom.

use serde_json::{Value, json};
use wom_catalog::{Catalog, Entry, Form, MerchantEntry, Setting};
use wom_sdk::{
    Result,
    instrument::{Capabilities, Proven},
    merchant::MerchantCapabilities,
};

use crate::output::Output;

/// List the adapters, of instruments and of shops: what each reads, offers and can be told.
#[derive(clap::Args, Debug)]
pub struct Args {}

pub fn run(_args: &Args, catalog: &Catalog, output: &Output) -> Result<()> {
    output.object(&as_object(catalog));
    for entry in catalog.adapters() {
        output.heading(entry.info.name);
        describe(entry, output);
        describe_settings("--set ", &entry.settings, output);
    }
    for entry in catalog.merchants() {
        let kind = output.say("shop or till", "negozio o cassa");
        output.heading(format_args!("{} ({kind})", entry.info.name));
        output.line(format_args!("  {}", entry.info.summary));
        let offers = offered(&shop_capabilities(entry.capabilities), output);
        output.line(format_args!("  {offers}"));
        output.line(format_args!("  {}", proven(entry.info.proven, output)));
        let table = output.say("settings in wom.toml", "impostazioni in wom.toml");
        output.line(format_args!("  {table}: [shops.NAME]"));
        describe_settings("", &entry.settings, output);
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
    let offers = offered(&capabilities(entry.capabilities), output);
    output.line(format_args!("  {offers}"));
    let judged = output.say("judged by", "giudicato da");
    let proven = proven(entry.info.proven, output);
    output.line(format_args!("  {judged} {}; {proven}", entry.info.rules));
}

/// What is offered of these, in people's words.
fn offered(capabilities: &[Capability], output: &Output) -> String {
    let offered = capabilities.iter().filter(|(_, offered, ..)| *offered);
    let words = offered.map(|(_, _, english, italian)| output.say(english, italian));
    words.collect::<Vec<_>>().join(", ")
}

fn proven(proven: Proven, output: &Output) -> &'static str {
    match proven {
        Proven::RealSystem => output.say(
            "proven on the real system or real files of it",
            "provato sul sistema reale o su suoi file reali",
        ),
        _ => output.say(
            "made from documentation only",
            "fatto solo in base alla documentazione",
        ),
    }
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
    let merchants: Vec<_> = catalog.merchants().map(merchant_object).collect();
    let rules: Vec<_> = catalog
        .rules()
        .map(|rules| {
            json!({"name": rules.name, "summary": rules.summary, "settings": rules.settings})
        })
        .collect();
    json!({"adapters": adapters, "merchants": merchants, "rules": rules})
}

fn adapter_object(entry: &Entry) -> Value {
    json!({
        "name": entry.info.name,
        "summary": entry.info.summary,
        "rules": entry.info.rules,
        "proven": proven_word(entry.info.proven),
        "capabilities": as_flags(&capabilities(entry.capabilities)),
        "settings": entry.settings,
    })
}

fn merchant_object(entry: &MerchantEntry) -> Value {
    json!({
        "name": entry.info.name,
        "summary": entry.info.summary,
        "proven": proven_word(entry.info.proven),
        "capabilities": as_flags(&shop_capabilities(entry.capabilities)),
        "settings": entry.settings,
    })
}

fn as_flags(capabilities: &[Capability]) -> Value {
    let flags = capabilities.iter();
    let flags = flags.map(|(name, offered, ..)| ((*name).to_owned(), json!(offered)));
    Value::Object(flags.collect())
}

fn proven_word(proven: Proven) -> &'static str {
    match proven {
        Proven::RealSystem => "real_system",
        _ => "documentation",
    }
}

/// Name, whether it is offered, and how people call it in English and Italian.
type Capability = (&'static str, bool, &'static str, &'static str);

fn capabilities(capabilities: Capabilities) -> [Capability; 5] {
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

fn shop_capabilities(capabilities: MerchantCapabilities) -> [Capability; 4] {
    [
        (
            "apply",
            capabilities.apply,
            "gives the discount itself",
            "applica lo sconto da sé",
        ),
        ("revoke", capabilities.revoke, "takes it back", "lo ritira"),
        (
            "orders",
            capabilities.orders,
            "lists changed orders",
            "elenca gli ordini cambiati",
        ),
        (
            "webhook",
            capabilities.webhook,
            "takes webhooks",
            "riceve webhook",
        ),
    ]
}
