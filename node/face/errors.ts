/** Whatever goes wrong is a `WomError`, with a code of the SDK's one table, the same in every language. */

/**
 * Whether trying again is wise: `never`, `safe` (nothing happened yet), or `same_key` (it may have
 * happened: only the same key may be tried again).
 */
export type Retry = "never" | "safe" | "same_key";

/** Every code, with its advice. */
export const ERRORS = {
  /** The caller may not do this: a missing or wrong API key, or no right to it. */
  access_denied: "never",
  /** The award was collected and acknowledged; its code is not given out again. */
  already_delivered: "never",
  /** The vouchers were redeemed, or the payment was made, before. */
  already_performed: "never",
  /** A person has to judge the award first, or has refused it. */
  award_held: "never",
  /** The award key was used before with other content. */
  award_key_reused: "never",
  /** The caller gave up before the answer came. */
  cancelled: "same_key",
  /** A setting is missing, unknown or contradicts another. */
  configuration_invalid: "never",
  /** The total time allowed for the operation ran out. */
  deadline_exceeded: "same_key",
  /** A receiver did not take claims, or did not say that it has them. */
  delivery_failed: "same_key",
  /** An argument is outside its range or not of the required form. */
  input_invalid: "never",
  /** A file or message ends before it should. */
  input_truncated: "never",
  /** Plain http to another host was asked for without saying so by name. */
  insecure_transport: "never",
  /** A defect of the SDK itself. */
  internal: "never",
  /** A key cannot be read, or is of the wrong kind. */
  key_invalid: "never",
  /** Something is larger, deeper or longer than the limit set for it. */
  limit_exceeded: "never",
  /** The vouchers need the place where they are redeemed. */
  location_required: "never",
  /** The Registry was not reached; nothing was sent. */
  network_unreachable: "safe",
  /** The Registry knows no such code, or it was never confirmed. */
  otc_unknown: "never",
  /** The request was sent, and no clear answer came. */
  outcome_unknown: "same_key",
  /** The Registry refused a parameter. */
  parameter_refused: "never",
  /** A payload is not what it should be: not for this key, altered, or not understood. */
  payload_invalid: "never",
  /** The Registry could not read the payload: another key, or other contents than announced. */
  payload_refused: "never",
  /** The PIN is not of a form that the Registry accepts. */
  pin_unacceptable: "never",
  /** The PIN is not the one of this code. */
  pin_wrong: "never",
  /** The Registry knows no such POS. */
  pos_unknown: "never",
  /** Too many requests; wait as long as the answer says. */
  rate_limited: "safe",
  /** The Registry failed inside; whether it acted is not known. */
  registry_failed: "same_key",
  /** The Registry shows another key than the pinned one. */
  registry_key_changed: "never",
  /** The Registry's answer breaks the protocol. */
  registry_misbehaved: "same_key",
  /** The code was voided: too many wrong PINs, or withdrawn. */
  request_void: "never",
  /** The Registry knows no such source (instrument). */
  source_unknown: "never",
  /** The store could not write or read. */
  storage_failed: "same_key",
  /** Another process has the store open. */
  store_locked: "safe",
  /** The store belongs to another Registry, source or key store, or to a newer version. */
  store_mismatch: "never",
  /** This adapter, store or Registry does not offer the operation. */
  unsupported: "never",
  /** Fewer or other vouchers than the payment asks for. */
  vouchers_insufficient: "never",
  /** A voucher is unknown, spent, or does not pass the payment's filter. */
  vouchers_refused: "never",
  /** A webhook's signature or time does not hold. */
  webhook_refused: "never",
} as const satisfies Record<string, Retry>;

/** A stable name of what went wrong. */
export type ErrorCode = keyof typeof ERRORS;

/** More about an error. */
export interface ErrorDetails {
  retry?: Retry | undefined;
  hint?: string | undefined;
  fields?: Readonly<Record<string, string>> | undefined;
  retryAfterSeconds?: number | undefined;
  cause?: unknown;
}

/** Whatever goes wrong in the SDK. It holds no secret and no person's id, but its cause may. */
export class WomError extends Error {
  /** The stable name: what to decide by. */
  readonly code: ErrorCode;
  /** Whether trying again is wise. */
  readonly retry: Retry;
  /** What happened, in one sentence; `message` tells where and what to do as well. */
  readonly summary: string;
  /** What to do about it. */
  readonly hint: string | undefined;
  /** Where it happened: names with their values. */
  readonly fields: Readonly<Record<string, string>>;
  /** How many seconds the other side asks to wait. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, summary: string, details: ErrorDetails = {}) {
    const { retry, hint, fields = {}, retryAfterSeconds } = details;
    super(written(summary, fields, hint), "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.retry = retry ?? ERRORS[code];
    this.summary = summary;
    this.hint = hint;
    this.fields = fields;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  static {
    Object.defineProperty(WomError.prototype, "name", { value: "WomError", configurable: true });
  }

  /** @internal An error of the native half's. */
  static of(fault: Omit<Fault, "cause">, cause: unknown): WomError {
    const details: ErrorDetails = {
      retry: fault.retry,
      hint: fault.hint ?? undefined,
      fields: fault.fields,
      retryAfterSeconds: fault.retry_after ?? undefined,
    };
    const error = new WomError(fault.code, fault.message, cause === undefined ? details : { ...details, cause });
    error.message = fault.text;
    return error;
  }
}

/** @internal An error as data. */
export interface Fault {
  code: ErrorCode;
  retry: Retry;
  message: string;
  hint: string | null;
  fields: Record<string, string>;
  retry_after: number | null;
  text: string;
  cause?: number;
}

function written(summary: string, fields: Readonly<Record<string, string>>, hint: string | undefined): string {
  const where = Object.entries(fields).map(([name, value]) => `${name} ${value}`);
  const place = where.length === 0 ? "" : ` (${where.join(", ")})`;
  return hint === undefined ? `${summary}${place}` : `${summary}${place}; ${hint}`;
}
