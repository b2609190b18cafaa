// The same load as `madang load`, by k6: calls of gRPC at the gateway at a constant rate, whatever the shop does.
//
//   k6 run -e GATEWAY=127.0.0.1:8080 -e RATE=200 -e SECONDS=20 -e ORDER=0 -e BROWSE=1 docs/load.k6.js
//
// k6 measures a call from when it is sent, and has a connection for each virtual user; madang load measures from when it was meant
// to be sent, over a few connections.
import { check } from 'k6';
import crypto from 'k6/crypto';
import grpc from 'k6/net/grpc';
import exec from 'k6/execution';

const rate = Number(__ENV.RATE || 50);
const order = Number(__ENV.ORDER || 1);
const browse = Number(__ENV.BROWSE || 9);
const users = Number(__ENV.USERS || 8);

export const options = {
  summaryTrendStats: ['count', 'avg', 'min', 'p(50)', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)', 'max'],
  scenarios: {
    load: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: `${__ENV.SECONDS || 30}s`,
      preAllocatedVUs: users,
      maxVUs: 1000,
    },
  },
};

const client = new grpc.Client();
client.load(['../proto'], 'madang/catalog/v1/catalog.proto', 'madang/orders/v1/orders.proto');

const words = ['tea', 'cup', 'kite', 'brass', '찻잔', '연', 'hanji', 'basket'];
const address = {
  regionCode: 'KR',
  postalCode: '04524',
  recipient: 'Load Customer',
  addressLines: ['1 Courtyard Road'],
};
let isConnected = false;

function uuid() {
  const hex = Array.from(new Uint8Array(crypto.randomBytes(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

function any(list) {
  return list[Math.floor(Math.random() * list.length)];
}

export function setup() {
  client.connect(__ENV.GATEWAY || '127.0.0.1:8080', { plaintext: true });
  const page = client.invoke('madang.catalog.v1.CatalogService/ListProducts', { pageSize: 200 });
  client.close();
  return __ENV.PRODUCT ? [__ENV.PRODUCT] : page.message.products.map((product) => product.productId);
}

function call(products) {
  const params = { timeout: '5s' };
  if (Math.random() * (order + browse) < order) {
    const request = {
      requestId: uuid(),
      customerId: `k6-${exec.vu.idInTest % 32}`,
      lines: [{ productId: any(products), quantity: 1 }],
      address,
      cardToken: 'tok_visa',
    };
    return client.invoke('madang.orders.v1.OrdersService/PlaceOrder', request, params);
  }
  const catalog = 'madang.catalog.v1.CatalogService';
  return any([
    () => client.invoke(`${catalog}/ListProducts`, { pageSize: 20 }, params),
    () => client.invoke(`${catalog}/SearchProducts`, { query: any(words), pageSize: 20 }, params),
    () => client.invoke(`${catalog}/GetProduct`, { productId: any(products) }, params),
  ])();
}

export default function (products) {
  if (!isConnected) {
    client.connect(__ENV.GATEWAY || '127.0.0.1:8080', { plaintext: true });
    isConnected = true;
  }
  check(call(products), { ok: (answer) => answer && answer.status === grpc.StatusOK });
}
