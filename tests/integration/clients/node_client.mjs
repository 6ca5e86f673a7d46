// SPDX-License-Identifier: Apache-2.0
// What programs do with the official JavaScript client, @kubernetes/client-node.
// usage: node_client.mjs KUBECONFIG NAMESPACE api|pods
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { PassThrough, Readable, Writable } from 'node:stream';
import * as k8s from '@kubernetes/client-node';

const [kubeconfig, namespace, which] = process.argv.slice(2);
const config = new k8s.KubeConfig();
config.loadFromFile(kubeconfig);
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);
const image = 'localhost/keelson/web:1';

const configMap = (name, data = { a: '1' }) => ({ metadata: { name, labels: { of: 'node' } }, data });
const deployment = (name) => ({
  metadata: { name },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'first', image }] } },
  },
});
const patchAs = (strategy) => k8s.setHeaderOptions('Content-Type', strategy);

// The Status that a call is refused with.
async function refused(code, reason, call) {
  const error = await call.then(() => assert.fail(`not refused with ${code}`), (e) => e);
  assert.equal(error.code, code, String(error));
  const status = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
  assert.equal(status.reason, reason, status.message);
  return status;
}

// What `condition` answers, as soon as that is true.
async function until(condition, what, seconds = 60) {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await delay(100)) {
    const answer = await condition();
    if (answer) return answer;
  }
  assert.fail(`timed out waiting for ${what}`);
}

class Sink extends Writable {
  text = '';
  _write(chunk, _encoding, done) {
    this.text += chunk;
    done();
  }
}

const api = {
  async 'version and groups'() {
    const version = await config.makeApiClient(k8s.VersionApi).getCode();
    assert.match(version.gitVersion, /v1\.36/);
    const groups = await config.makeApiClient(k8s.ApisApi).getAPIVersions();
    assert.ok(groups.groups.some((group) => group.name === 'apps'));
  },

  async 'create, read, replace, list, delete'() {
    const made = await apps.createNamespacedDeployment({ namespace, body: deployment('life') });
    assert.equal(made.spec.strategy.type, 'RollingUpdate');
    assert.ok(made.metadata.creationTimestamp instanceof Date);
    const replaced = await until(async () => {
      const read = await apps.readNamespacedDeployment({ name: 'life', namespace });
      read.spec.minReadySeconds = 3;
      return apps.replaceNamespacedDeployment({ name: 'life', namespace, body: read }).catch((error) => {
        assert.equal(error.code, 409, String(error));  // The controller writes its status meanwhile.
      });
    }, 'a replacement');
    assert.equal(replaced.spec.minReadySeconds, 3);
    const list = await apps.listNamespacedDeployment({ namespace });
    assert.ok(list.items.some((item) => item.metadata.name === 'life'));
    await apps.deleteNamespacedDeployment({ name: 'life', namespace });
    await refused(404, 'NotFound', apps.readNamespacedDeployment({ name: 'life', namespace }));
  },

  async 'JSON, merge and strategic patches'() {
    await apps.createNamespacedDeployment({ namespace, body: deployment('patched') });
    const patch = (body, strategy) =>
      apps.patchNamespacedDeployment({ name: 'patched', namespace, body }, patchAs(strategy));
    const second = { spec: { template: { spec: { containers: [{ name: 'second', image }] } } } };
    const names = (it) => it.spec.template.spec.containers.map((container) => container.name).sort();
    const labels = { op: 'add', path: '/metadata/labels', value: { a: 'b' } };
    assert.deepEqual((await patch([labels], k8s.PatchStrategy.JsonPatch)).metadata.labels, { a: 'b' });
    const strategic = await patch(second, k8s.PatchStrategy.StrategicMergePatch);
    assert.deepEqual(names(strategic), ['first', 'second']);
    assert.deepEqual(names(await patch(second, k8s.PatchStrategy.MergePatch)), ['second']);
    await refused(422, 'Invalid', patch([{ op: 'remove', path: '/spec/nothing' }], k8s.PatchStrategy.JsonPatch));
    await refused(400, 'BadRequest', patch({ not: 'a list' }, k8s.PatchStrategy.JsonPatch));
  },

  async 'errors have code and reason'() {
    await core.createNamespacedConfigMap({ namespace, body: configMap('once') });
    await refused(409, 'AlreadyExists', core.createNamespacedConfigMap({ namespace, body: configMap('once') }));
    await refused(404, 'NotFound', core.readNamespacedPod({ name: 'nobody', namespace }));
    const bad = core.createNamespacedConfigMap({ namespace, body: configMap('Bad_Name') });
    assert.equal((await refused(422, 'Invalid', bad)).details.causes[0].field, 'metadata.name');
    const stale = await core.readNamespacedConfigMap({ name: 'once', namespace });
    const merge = patchAs(k8s.PatchStrategy.MergePatch);
    await core.patchNamespacedConfigMap({ name: 'once', namespace, body: { data: { b: '2' } } }, merge);
    await refused(409, 'Conflict', core.replaceNamespacedConfigMap({ name: 'once', namespace, body: stale }));
    const options = { name: 'once', namespace, body: { preconditions: { uid: 'other' } } };
    await refused(409, 'Conflict', core.deleteNamespacedConfigMap(options));
  },

  async 'limit and continue'() {
    for (let i = 0; i < 12; ++i)
      await core.createNamespacedConfigMap({ namespace, body: configMap(`page-${i}`, { i: String(i) }) });
    const names = [];
    let _continue;
    do {
      const page = await core.listNamespacedConfigMap({ namespace, limit: 5, _continue });
      assert.ok(page.items.length <= 5);
      names.push(...page.items.map((item) => item.metadata.name));
      _continue = page.metadata._continue;
    } while (_continue);
    assert.equal(new Set(names).size, names.length);
    assert.equal(names.filter((name) => name.startsWith('page-')).length, 12);
  },

  async 'watch from a resourceVersion'() {
    const { metadata } = await core.listNamespacedConfigMap({ namespace });
    const seen = [];
    let ended;
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const query = { resourceVersion: metadata.resourceVersion, allowWatchBookmarks: true };
    const controller = await new k8s.Watch(config).watch(path, query, (type, object) => {
      if (object.metadata.name === 'watched') seen.push(type);
    }, (error) => { ended = error ?? 'closed'; });
    await core.createNamespacedConfigMap({ namespace, body: configMap('watched') });
    const merge = patchAs(k8s.PatchStrategy.MergePatch);
    await core.patchNamespacedConfigMap({ name: 'watched', namespace, body: { data: { a: '2' } } }, merge);
    await core.deleteNamespacedConfigMap({ name: 'watched', namespace });
    await until(() => seen.length >= 3, 'three events');
    assert.deepEqual(seen, ['ADDED', 'MODIFIED', 'DELETED']);
    controller.abort();
    await until(() => ended, 'the end of the watch');
  },

  async 'a watch whose time is over ends by the server'() {
    let ended;
    await new k8s.Watch(config).watch(`/api/v1/namespaces/${namespace}/configmaps`, { timeoutSeconds: 1 },
      () => {}, (error) => { ended = { error }; });
    await until(() => ended, 'the end of the watch', 15);
    assert.ok(!ended.error || ended.error === k8s.Watch.SERVER_SIDE_CLOSE, String(ended.error));
  },

  async 'an informer sees what was there and what happens'() {
    await core.createNamespacedConfigMap({ namespace, body: configMap('informed-before') });
    const informer = k8s.makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`,
      () => core.listNamespacedConfigMap({ namespace }));
    const seen = [];
    for (const verb of ['add', 'update', 'delete'])
      informer.on(verb, ({ metadata }) => {
        if (metadata.name.startsWith('informed')) seen.push(`${verb} ${metadata.name}`);
      });
    informer.on('error', (error) => seen.push(`error ${error}`));
    await informer.start();
    await until(() => seen.length === 1, 'the first list');
    await core.createNamespacedConfigMap({ namespace, body: configMap('informed') });
    const merge = patchAs(k8s.PatchStrategy.MergePatch);
    await core.patchNamespacedConfigMap({ name: 'informed', namespace, body: { data: { a: '2' } } }, merge);
    await until(() => informer.get('informed', namespace)?.data.a === '2', 'the update in the cache');
    await core.deleteNamespacedConfigMap({ name: 'informed', namespace });
    await until(() => !informer.get('informed', namespace), 'the deletion in the cache');
    const all = [...seen];
    await informer.stop();  // This client calls that an error.
    assert.deepEqual(all, ['add informed-before', 'add informed', 'update informed', 'delete informed']);
  },

  async 'objects of any kind'() {
    const objects = k8s.KubernetesObjectApi.makeApiClient(config);
    const lease = {
      apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'any', namespace },
      spec: { holderIdentity: 'node' },
    };
    await objects.create(lease);
    lease.spec = { holderIdentity: 'other' };
    assert.equal((await objects.patch(lease)).spec.holderIdentity, 'other');
    const list = await objects.list('coordination.k8s.io/v1', 'Lease', namespace);
    assert.deepEqual(list.items.map((item) => item.metadata.name), ['any']);
    await objects.delete(lease);
    await refused(404, 'NotFound', objects.read(lease));
  },

  async 'a collection is deleted by label'() {
    const labelled = configMap('labelled');
    labelled.metadata.labels = { drop: 'yes' };
    await core.createNamespacedConfigMap({ namespace, body: labelled });
    await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'drop=yes' });
    await refused(404, 'NotFound', core.readNamespacedConfigMap({ name: 'labelled', namespace }));
  },
};

// Runs a command in the pod; its output, its errors and the Status it ended with.
async function execute(command, input = null) {
  const [out, errors] = [new Sink(), new Sink()];
  let status;
  await new k8s.Exec(config).exec(namespace, 'node', 'web', command, out, errors, input, false,
    (ended) => { status = ended; });
  await until(() => status, 'the end of the command');
  return { out: out.text, errors: errors.text, status };
}

const pods = {
  async 'a pod is run, asked, written into and deleted'() {
    await core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name: 'node' },
        spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'web', image }] },
      },
    });
    await until(async () => (await core.readNamespacedPod({ name: 'node', namespace })).status.conditions?.some(
      ({ type, status }) => type === 'Ready' && status === 'True'), 'the pod');

    const run = await execute(['sh', '-c', 'hostname; echo no >&2; exit 7']);
    assert.deepEqual([run.out, run.errors, run.status.status], ['node\n', 'no\n', 'Failure']);
    assert.equal(run.status.details.causes.find((cause) => cause.reason === 'ExitCode').message, '7');
    const echo = await execute(['sh', '-c', 'read line; echo got $line'], Readable.from(['hello\n']));
    assert.deepEqual([echo.out, echo.status.status], ['got hello\n', 'Success']);

    const log = new Sink();
    await new k8s.Log(config).log(namespace, 'node', 'web', log, { tailLines: 5 });
    await until(() => log.text.includes('listens on port 8080'), 'the log');

    const [answer, errors, request] = [new Sink(), new Sink(), new PassThrough()];
    const forward = await new k8s.PortForward(config).portForward(
      namespace, 'node', [8080], answer, errors, request);
    request.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await until(() => answer.text.includes('node web 1'), 'the answer through port-forward');
    forward.close();

    await core.deleteNamespacedPod({ name: 'node', namespace });
    await until(async () => (await core.listNamespacedPod({ namespace })).items.length === 0, 'the pod\'s end');
  },
};

let failures = 0;
for (const [name, check] of Object.entries(which === 'api' ? api : pods)) {
  try {
    await check();
    console.log(`ok - ${name}`);
  } catch (error) {
    ++failures;
    console.log(`FAILED - ${name}: ${String(error.message ?? error).replaceAll('\n', ' ')}`);
    console.error(error.stack);
  }
}
// Connections kept alive and watches that somebody forgot to end would hold the program.
process.exit(failures ? 1 : 0);
