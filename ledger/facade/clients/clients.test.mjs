// The vendors' clients from npm against a running node. TestNode starts it and
// says in the environment where the node is.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import test from 'node:test';

import openapi from '@alicloud/openapi-client';
import pop from '@alicloud/pop-core';
import util from '@alicloud/tea-util';
import tls from 'tls-sig-api-v2';

const {
  RECALL_API: api, APP: app, KEY_ID: keyID, SECRET: secret,
  TIM_APP: timApp, TIM_ID: timID, TIM_KEY: timKey, TIM_POP_ID: timPopID,
  APP_ID: appID, WORKSPACE: workspace,
} = process.env;
const version = '2020-10-28';
const target = "设备 1/*~'()!";

// popClient returns a function that calls an action with signature v1.
function popClient(method, id = keyID, key = secret) {
  const client = new pop.RPCClient({ accessKeyId: id, accessKeySecret: key, endpoint: api, apiVersion: version });
  return (action, values) => client.request(action, { AppId: appID, WorkspaceId: workspace, ...values }, { method });
}

// acs3Client returns the same for ACS3; this client sends its form chunked.
function acs3Client(id = keyID, key = secret) {
  const client = new openapi.default(new openapi.Config({
    accessKeyId: id, accessKeySecret: key, endpoint: new URL(api).host, protocol: 'http',
  }));
  return async (action, values) => {
    const params = new openapi.Params({
      action, version, protocol: 'HTTP', pathname: '/', method: 'POST', authType: 'AK', style: 'RPC', reqBodyType: 'formData', bodyType: 'json',
    });
    const request = new openapi.OpenApiRequest({ body: { AppId: appID, WorkspaceId: workspace, ...values } });
    return (await client.callApi(params, request, new util.RuntimeOptions({}))).body;
  };
}

function simple(message) {
  return {
    TaskName: '促销', Title: '半价 50%', Content: "a/b * c ~ d, it's (really) cheap!", DeliveryType: 1, ExpiredSeconds: 3600,
    TargetMsgkey: JSON.stringify({ [target]: message }),
  };
}

// native asks the ledger's own API for a recall.
async function native(owner, push) {
  const response = await fetch(`${api}/v1/recalls`, {
    method: 'POST', headers: { 'Recall-App': owner, 'Content-Type': 'application/json' }, body: JSON.stringify({ push, action: 'recall' }),
  });
  return { status: response.status, ...await response.json() };
}

function accepted(answer) {
  assert.equal(answer.ResultCode, 'OK');
  assert.equal(answer.PushResult.Success, true);
}

function refused(answer, reason) {
  assert.equal(answer.ResultCode, '3028');
  assert.equal(answer.PushResult.Success, false);
  assert.match(answer.PushResult.ResultMsg, reason);
}

for (const [name, make] of Object.entries({
  'pop-core GET': (key) => popClient('GET', keyID, key),
  'pop-core POST': (key) => popClient('POST', keyID, key),
  'openapi-client': (key) => acs3Client(keyID, key),
})) {
  test(name, async (t) => {
    const call = make(secret);
    const message = `npm ${name} ${randomUUID()}`;
    accepted(await call('PushSimple', simple(message)));
    const revoke = (c, id = message) => c('RevokePushMessage', { MessageId: id, TargetId: target });

    await assert.rejects(revoke(make('wrong')), (error) => {
      t.diagnostic(`wrong secret: ${error.name} ${error.code}`);
      assert.match(error.code, /SignatureDoesNotMatch/);
      assert.ok(error.data.RequestId);
      return true;
    });
    let answer = await revoke(call);
    t.diagnostic(`revoke: ${answer.ResultCode} ${answer.PushResult.ResultMsg}`);
    accepted(answer);
    answer = await revoke(call);
    t.diagnostic(`repeat: ${answer.ResultCode} ${answer.PushResult.ResultMsg}`);
    refused(answer, /already taken back/);
    answer = await revoke(call, 'npm-nothing');
    t.diagnostic(`unknown: ${answer.ResultCode} ${answer.PushResult.ResultMsg}`);
    refused(answer, /no push/);

    const second = await native(app, message);
    assert.equal(second.status, 409);
    assert.equal(second.code, 'already-recalled');
    assert.ok(second.first.recall);
  });
}

// tim asks TIMPush with a UserSig made by the vendor's library. Like Node's own
// http, it sends bytes without a content type.
async function tim(call, body, key = timKey) {
  const usersig = new tls.Api(Number(timID), key).genUserSig('administrator', 3600);
  const query = new URLSearchParams({
    sdkappid: timID, identifier: 'administrator', usersig, random: String(Math.floor(Math.random() * 2 ** 32)), contenttype: 'json',
  });
  const response = await fetch(`${api}/v4/timpush/${call}?${query}`, { method: 'POST', body: Buffer.from(JSON.stringify(body)) });
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  return response.json();
}

let random = 0;

async function task() {
  random += 1;
  const answer = await tim('push', {
    From_Account: 'administrator', MsgRandom: random, OfflinePushInfo: { PushFlag: 0, Title: '半价', Desc: '50 %' },
  });
  assert.equal(answer.ActionStatus, 'OK');
  assert.ok(answer.TaskId);
  return answer.TaskId;
}

// paced asks again for as long as the answer is that the app asked too often:
// TIMPush allows one recall a second.
async function paced(ask, tooOften) {
  for (const end = Date.now() + 10_000; ;) {
    const answer = await ask();
    if (!tooOften(answer) || Date.now() > end) {
      return answer;
    }
    await setTimeout(100);
  }
}

const revokeTask = (TaskId, OfflinePushInfo = null) => paced(() => tim('revoke', { TaskId, OfflinePushInfo }), (a) => a.ErrorCode === 90051);

test('TIMPush', async (t) => {
  const id = await task();
  const wrong = await tim('revoke', { TaskId: id }, '0'.repeat(64));
  t.diagnostic(`wrong key: ${JSON.stringify(wrong)}`);
  assert.equal(wrong.ActionStatus, 'FAIL');
  assert.equal(wrong.ErrorCode, 70009);

  const first = await revokeTask(id);
  t.diagnostic(`revoke: ${JSON.stringify(first)}`);
  assert.deepEqual(first, { ActionStatus: 'OK', ErrorInfo: '', ErrorCode: 0 });
  const second = await revokeTask(id);
  t.diagnostic(`repeat: ${JSON.stringify(second)}`);
  assert.equal(second.ActionStatus, 'FAIL');
  assert.equal(second.ErrorCode, 90050);
  const unknown = await revokeTask('batch_667015d4_1');
  t.diagnostic(`unknown: ${JSON.stringify(unknown)}`);
  assert.equal(unknown.ErrorCode, 90049);
});

test('TIMPush after the native API', async () => {
  const id = await task();
  const first = await paced(() => native(timApp, id), (a) => a.status === 429);
  assert.equal(first.status, 202);
  assert.equal((await revokeTask(id)).ErrorCode, 90050);
});

test('TIMPush after mPaaS', async () => {
  const id = await task();
  const call = popClient('POST', timPopID, timKey);
  accepted(await paced(() => call('RevokePushTask', { TaskId: id }), (a) => a.ResultCode === '8011'));
  assert.equal((await revokeTask(id)).ErrorCode, 90050);
});

test('mPaaS after TIMPush', async () => {
  const call = popClient('POST', timPopID, timKey);
  const revoke = (TaskId) => paced(() => call('RevokePushTask', { TaskId }), (a) => a.ResultCode === '8011');

  const overwritten = await task();
  assert.equal((await revokeTask(overwritten, { PushFlag: 0, Title: '撤回', Desc: 'taken back' })).ErrorCode, 0);
  refused(await revoke(overwritten), /already taken back/);

  // Without OfflinePushInfo only what was undelivered is stopped, so a recall,
  // which is stronger, may still follow; but only once.
  const stopped = await task();
  assert.equal((await revokeTask(stopped)).ErrorCode, 0);
  accepted(await revoke(stopped));
  refused(await revoke(stopped), /already taken back/);
});
