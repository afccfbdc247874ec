// A real shop for the tests: Vendure on a free port of 127.0.0.1, its data in memory (sql.js, nothing native).
// NODE_PATH names the installed packages. Environment: SESSION, how long a login lasts, such as 3s (default 1h).
// It prints `READY <port>` once it is seeded.
process.env.VENDURE_DISABLE_TELEMETRY = 'true';
const core = require('@vendure/core');
const seed = require('./seed');

const config = {
  apiOptions: { hostname: '127.0.0.1', port: 0, adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
  authOptions: {
    tokenMethod: ['bearer'],
    superadminCredentials: { identifier: 'superadmin', password: 'superadmin' },
    requireVerification: false,
    sessionDuration: process.env.SESSION || '1h',
    sessionCacheTTL: 1,
  },
  dbConnectionOptions: { type: 'sqljs', synchronize: true, logging: false },
  paymentOptions: { paymentMethodHandlers: [core.dummyPaymentHandler] },
  logger: new core.DefaultLogger({ level: core.LogLevel.Error }),
};

core
  .bootstrap(config)
  .then(async app => {
    const { port } = app.getHttpServer().address();
    await seed(`http://127.0.0.1:${port}/admin-api`);
    console.log(`READY ${port}`);
  })
  .catch(error => {
    console.error(error);
    process.exit(1);
  });

// The test's end closes our input: nothing is left running.
process.stdin.on('end', () => process.exit(0)).resume();
