/** Options as the native half reads them. Private. */

import { only, place, text } from "./checks.js";
import {
  type Campaign,
  type Keys,
  type Line,
  Person,
  type Reply,
  type Source,
  type Store,
  type UrlPlace,
  type Use,
} from "./values.js";

/** @internal A person, or an id of the embedder's own. */
export function personOf(user: string | Person): object {
  if (typeof user === "string") return { id: text(user, "user") };
  return { namespace: text(user?.namespace, "namespace"), id: text(user?.id, "id") };
}

/** @internal A source as the native half reads it. */
export async function sourceOf(source: Source): Promise<object> {
  only(source, SOURCE, "a source");
  return {
    registry: source.registry,
    id: source.id,
    key: {
      key_file: source.keyFile,
      key_variable: source.keyVariable,
      key: source.key && (await source.key()),
      passphrase_variable: source.passphraseVariable,
      api_key_file: source.apiKeyFile,
      api_key_variable: source.apiKeyVariable,
    },
    fingerprint: source.fingerprint,
    danger_accept_plain_http: source.dangerAcceptPlainHttp,
  };
}

const SOURCE = [
  "registry",
  "id",
  "keyFile",
  "keyVariable",
  "key",
  "passphraseVariable",
  "apiKeyFile",
  "apiKeyVariable",
  "fingerprint",
  "dangerAcceptPlainHttp",
];

/** @internal A store as the native half reads it. */
export async function storeOf(store: Store | undefined): Promise<object | undefined> {
  if (store === undefined) return undefined;
  if (typeof store === "string") return { sqlite: store };
  only(store, ["sqlite", "postgres"], "a store");
  return "postgres" in store ? { postgres: await urlOf(store.postgres) } : { sqlite: store.sqlite };
}

/** @internal Keys as the native half reads them. */
export async function keysOf(keys: Keys | undefined): Promise<object | undefined> {
  if (keys === undefined) return undefined;
  if (typeof keys === "string") return { file: keys };
  only(keys, ["file", "postgres", "rootVariable"], "keys");
  const root_variable = keys.rootVariable;
  if ("postgres" in keys) return { postgres: await urlOf(keys.postgres), root_variable };
  return { file: keys.file, root_variable };
}

async function urlOf(place: UrlPlace): Promise<object> {
  only(place, ["urlFile", "urlVariable", "url", "schema", "connections"], "a data base");
  return {
    url_file: place.urlFile,
    url_variable: place.urlVariable,
    url: place.url && (await place.url()),
    schema: place.schema,
    connections: place.connections,
  };
}

/** @internal A campaign as the native half reads it. */
export function campaignOf(campaign: Campaign): object {
  only(campaign, CAMPAIGN, "a campaign");
  const [latitude, longitude] = place(campaign.place);
  return {
    name: campaign.name,
    zone: campaign.zone ?? "UTC",
    from: campaign.start ?? "2000-01-01",
    until: campaign.until ?? "2100-01-01",
    settlement_hours: campaign.settlementHours ?? 24,
    lateness_days: campaign.latenessDays ?? 400,
    collect: campaign.collect ?? "on tap",
    place: `${latitude},${longitude}`,
    exact_place: campaign.exactPlace ?? false,
    rules: campaign.rules ?? "active-minutes/1",
    line: campaign.lines.map(lineOf),
  };
}

const CAMPAIGN = [
  "name",
  "lines",
  "place",
  "zone",
  "start",
  "until",
  "settlementHours",
  "latenessDays",
  "collect",
  "rules",
  "ruleSettings",
  "exactPlace",
];

function lineOf(line: Line): object {
  only(line, LINE, "a line");
  return {
    name: line.name,
    aim: line.aim,
    activities: line.activities ?? [],
    except: line.exclude ?? [],
    hours: (line.hours ?? []).map(([start, end]) => `${start}-${end}`),
    milestones: line.milestones ?? true,
    mode: line.mode ?? "also",
    unpaid_start_minutes: line.unpaidStartMinutes ?? 0,
    cap_minutes: line.capMinutes,
    round_to_minutes: line.roundToMinutes ?? 1,
  };
}

const LINE = [
  "name",
  "aim",
  "activities",
  "exclude",
  "hours",
  "milestones",
  "mode",
  "unpaidStartMinutes",
  "capMinutes",
  "roundToMinutes",
];

/** @internal An adapter of the catalogue as the native half reads it. */
export function useOf(use: Use): object {
  only(use, ["adapter", "settings"], "an adapter");
  return { adapter: use.adapter, settings: use.settings ?? {} };
}

/** @internal */
export function replyOf(told: { status: number; headers: [string, string][]; body: number[] }): Reply {
  return { ...told, body: Uint8Array.from(told.body) };
}
