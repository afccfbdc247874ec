// What the shop sells: in Italy, with 22 % tax, in euro, prices with tax, to be picked up, paid at the till:
// one museum ticket at 12.00 (variant 1).
module.exports = async url => {
  let token;
  const ask = async (query, input) => {
    const headers = { 'content-type': 'application/json' };
    if (token) headers.authorization = `Bearer ${token}`;
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables: { input } }) });
    token = answer.headers.get('vendure-auth-token') || token;
    const { data, errors } = await answer.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return Object.values(data)[0];
  };
  const make = (name, input, list = false) => {
    const type = name[0].toUpperCase() + name.slice(1);
    const of = list ? `[${type.slice(0, -1)}Input!]!` : `${type}Input!`;
    return ask(`mutation($input:${of}){it:${name}(input:$input){__typename ... on Node{id}}}`, input);
  };
  const named = (name, more) => [{ languageCode: 'en', name, ...more }];
  const operation = (code, values) => ({
    code,
    arguments: Object.entries(values).map(([name, value]) => ({ name, value })),
  });

  await ask('mutation{login(username:"superadmin",password:"superadmin"){__typename}}');
  const country = await make('createCountry', { code: 'IT', enabled: true, translations: named('Italy') });
  const zone = await make('createZone', { name: 'Italy', memberIds: [country.id] });
  const tax = await make('createTaxCategory', { name: 'Standard', isDefault: true });
  await make('createTaxRate', { name: 'IVA 22', enabled: true, value: 22, categoryId: tax.id, zoneId: zone.id });
  await make('updateChannel', {
    id: '1',
    pricesIncludeTax: true,
    defaultCurrencyCode: 'EUR',
    availableCurrencyCodes: ['EUR'],
    defaultTaxZoneId: zone.id,
    defaultShippingZoneId: zone.id,
  });
  await make('createShippingMethod', {
    code: 'pickup',
    fulfillmentHandler: 'manual-fulfillment',
    checker: operation('default-shipping-eligibility-checker', { orderMinimum: '0' }),
    calculator: operation('default-shipping-calculator', { rate: '0', includesTax: 'auto', taxRate: '0' }),
    translations: named('Pick-up', { description: '' }),
  });
  await make('createPaymentMethod', {
    code: 'till',
    enabled: true,
    handler: operation('dummy-payment-handler', { automaticSettle: 'true' }),
    translations: named('At the till', { description: '' }),
  });
  const product = await make('createProduct', {
    enabled: true,
    translations: named('Museum ticket', { slug: 'museum-ticket', description: '' }),
  });
  await make(
    'createProductVariants',
    [
      {
        productId: product.id,
        enabled: true,
        sku: 'TICKET-1',
        price: 1200,
        taxCategoryId: tax.id,
        stockOnHand: 1000,
        trackInventory: 'FALSE',
        translations: named('Museum ticket'),
      },
    ],
    true,
  );
};
