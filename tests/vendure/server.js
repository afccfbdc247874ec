// A real shop for the tests: Vendure on 127.0.0.1, its data in one SQLite file written by sql.js.
//
// PORT, DB_FILE: where. HOOK_URL, HOOK_SECRET: where events are posted, signed `sha256=<hex>`.
// SESSION: how long a login lasts, such as 2s; a year unless it is set.
'use strict';
process.env.VENDURE_DISABLE_TELEMETRY = 'true';
const crypto = require('crypto');
const { createRequire } = require('module');
// The packages are installed in another folder.
const core = createRequire(process.cwd() + '/package.json')('@vendure/core');

class HookPlugin {
  constructor(bus) { this.bus = bus; }

  onApplicationBootstrap() {
    const url = process.env.HOOK_URL;
    const secret = process.env.HOOK_SECRET || '';
    if (!url) return;
    let tail = Promise.resolve(); // keeps the order of deliveries
    const send = (type, content) => {
      const body = JSON.stringify({ type, at: new Date().toISOString(), ...content });
      const mac = crypto.createHmac('sha256', secret).update(body).digest('hex');
      const headers = { 'content-type': 'application/json', 'x-signature-256': 'sha256=' + mac };
      tail = tail.then(() => fetch(url, { method: 'POST', body, headers })).catch(() => {});
    };
    const order = ({ id, code, state, totalWithTax }) => ({ id, code, state, totalWithTax });
    const on = (event, content) => this.bus.ofType(event).subscribe(e => send(event.name, content(e)));
    on(core.OrderStateTransitionEvent, e => ({ fromState: e.fromState, toState: e.toState, order: order(e.order) }));
    on(core.OrderPlacedEvent, e => ({ fromState: e.fromState, toState: e.toState, order: order(e.order) }));
    on(core.CouponCodeEvent, e => ({ kind: e.type, couponCode: e.couponCode, orderId: e.orderId }));
    on(core.RefundStateTransitionEvent, e => ({ toState: e.toState, order: order(e.order) }));
  }
}
Reflect.defineMetadata('design:paramtypes', [core.EventBus], HookPlugin);
core.VendurePlugin({ imports: [core.PluginCommonModule], compatibility: '^3.0.0' })(HookPlugin);

core.bootstrap({
  apiOptions: { hostname: '127.0.0.1', port: Number(process.env.PORT || 3777), adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
  authOptions: { tokenMethod: ['bearer'], superadminCredentials: { identifier: 'superadmin', password: 'superadmin' }, requireVerification: false, sessionDuration: process.env.SESSION || '1y', sessionCacheTTL: 1 },
  dbConnectionOptions: { type: 'sqljs', location: process.env.DB_FILE || 'shop.sqlite', autoSave: true, synchronize: true, logging: false },
  paymentOptions: { paymentMethodHandlers: [core.dummyPaymentHandler] },
  logger: new core.DefaultLogger({ level: core.LogLevel.Warn }),
  plugins: [HookPlugin],
}).then(() => console.log('READY'), error => { console.error(error); process.exit(1); });
