/**
 * What each operation of the management API does, for its OpenAPI document: by method and path as
 * they are there. A route that is not here is missed by its test.
 */
export const operationSummaries: Readonly<Record<string, string>> = {
  'GET /healthz': 'Whether the gateway answers.',
  'GET /readyz': 'Whether there is a worker node to run functions.',
  'GET /metrics': 'Metrics for Prometheus, as OpenMetrics.',
  'GET /events': 'Facts of the host as server-sent CloudEvents; goes on after Last-Event-ID.',
  'GET /openapi.json': 'This document.',

  'GET /v1/functions': 'Lists functions.',
  'POST /v1/functions': 'Deploys a package: a tar (application/x-tar) with a hearth.json.',
  'GET /v1/functions/{name}': 'Shows a function with its versions.',
  'DELETE /v1/functions/{name}': 'Removes a function with all its versions.',
  'GET /v1/functions/{name}/logs':
    'What the function wrote; with follow, also what it goes on writing.',
  'GET /v1/functions/{name}/versions': 'Lists versions, aliases and which version serves.',
  'PUT /v1/functions/{name}/traffic': 'Says which versions serve.',
  'POST /v1/functions/{name}/rollback': 'Makes the version live that was live before.',
  'PUT /v1/functions/{name}/aliases/{alias}': 'Names a version.',
  'DELETE /v1/functions/{name}/aliases/{alias}': 'Takes a name from a version.',
  'POST /v1/functions/{name}/invocations':
    'Invokes with an event; with "Prefer: respond-async" nobody waits for it.',

  'GET /v1/invocations/{id}': 'The record of an asynchronous invocation, now or once it has ended.',
  'DELETE /v1/invocations/{id}': 'Cancels it, waiting or running.',
  'GET /v1/invocations/{id}/events': 'Its progress, as server-sent events.',
  'GET /v1/invocations/{id}/logs': 'What it wrote.',
  'GET /v1/invocations/{id}/result': 'Its answer, as the function gave it.',
  'POST /v1/invocations/{id}/replay': 'Invokes once more with the same event.',

  'GET /v1/queues': 'Lists event queues with what waits in them.',
  'GET /v1/queues/{name}': "Shows one function's event queue.",
  'GET /v1/queues/{name}/dead-letters': 'What failed for good.',
  'POST /v1/queues/{name}/pause': 'Begins nothing more of it.',
  'POST /v1/queues/{name}/resume': 'Goes on.',
  'POST /v1/queues/{name}/redrive': 'Tries dead letters again: all, some, or those with a reason.',
  'POST /v1/queues/{name}/purge': 'Removes what waits, or dead letters.',

  'GET /v1/schedules': 'Lists schedules with their next runs.',
  'GET /v1/schedules/{name}/{schedule}/history': 'How it ran.',
  'GET /v1/schedules/{name}/{schedule}/next': 'When it will run.',
  'POST /v1/schedules/{name}/{schedule}/pause': 'Plans no runs.',
  'POST /v1/schedules/{name}/{schedule}/resume': 'Plans runs again.',
  'POST /v1/schedules/{name}/{schedule}/trigger': 'Runs it now, beside its schedule.',

  'GET /v1/nodes': 'Lists nodes.',
  'GET /v1/nodes/{id}': 'Shows one, by its id or its hostname.',
  'PUT /v1/nodes/{id}/cordon': 'Gives it no new work.',
  'DELETE /v1/nodes/{id}/cordon': 'Gives it work again.',
  'DELETE /v1/nodes/{id}': 'Forgets one that is away.',
  'GET /v1/sandboxes': 'Lists sandboxes.',
  'GET /v1/sandboxes/{id}': 'Shows one, by its id or the beginning of it.',
  'GET /v1/usage': 'Invocations, failures and gigabyte-seconds by function and day.',

  'GET /v1/stacks/{name}': 'What a stack, a folder that was applied, made.',
  'PUT /v1/stacks/{name}': 'Records what a stack has made.',

  'GET /v1/backup': 'All that is defined, as one file.',
  'POST /v1/restore': 'Makes what a backup has, on a host that has nothing yet.',

  'GET /v1/volumes': 'Lists volumes.',
  'POST /v1/volumes': 'Makes a volume.',
  'GET /v1/volumes/{name}': 'Shows a volume with its snapshots.',
  'DELETE /v1/volumes/{name}': 'Removes a volume with its files.',
  'GET /v1/volumes/{name}/archive': 'Its files, as a tar.',
  'PUT /v1/volumes/{name}/archive': 'Puts the files of a tar in the place of its own.',
  'POST /v1/volumes/{name}/restore': 'Makes its files those of a snapshot.',
  'POST /v1/volumes/{name}/snapshots': 'Keeps its files as they are.',
  'DELETE /v1/volumes/{name}/snapshots/{snapshot}': 'Removes a snapshot.',

  'GET /v1/event-types': 'The types of events, with the JSON Schema of their data.',
  'GET /v1/webhooks': 'Lists who outside is told of events.',
  'POST /v1/webhooks': 'Posts events to a URL from now on.',
  'DELETE /v1/webhooks/{name}': 'Posts no more of them.',
  'GET /v1/networks': 'Lists private networks.',
  'POST /v1/networks': 'Makes a private network.',
  'GET /v1/networks/{name}': 'Shows one with its members and endpoints.',
  'DELETE /v1/networks/{name}': 'Removes one that no function is on.',
  'PUT /v1/networks/{name}/endpoints/{endpoint}': 'Names an address outside the sandboxes.',
  'DELETE /v1/networks/{name}/endpoints/{endpoint}': 'Takes the name away.',

  'GET /v1/secrets': 'Lists secrets, without their values.',
  'PUT /v1/secrets/{name}': 'Keeps a value, encrypted.',
  'DELETE /v1/secrets/{name}': 'Removes a secret.',
  'POST /v1/master-key/rotations': 'Encrypts all secrets and keys anew.',

  'GET /v1/keys': 'Lists keys, without their secrets.',
  'POST /v1/keys': 'Makes a key; its secret is shown this once.',
  'DELETE /v1/keys/{id}': 'Removes a key; it opens nothing from now on.',
  'PUT /v1/keys/{id}/limits': 'Says how fast, and how much at once, a key may ask.',
  'POST /v1/keys/{id}/rotations': 'Gives a key a new secret.',

  'GET /v1/images': 'Lists images.',
  'GET /v1/images/one': 'Shows one image.',
  'DELETE /v1/images/one': 'Takes a name from an image.',
  'POST /v1/images/bases': "Makes a runtime's base image anew.",
  'POST /v1/images/collections': 'Removes what no version and no name needs.',
  'POST /v1/images/pulls': 'Copies an image from another registry.',
  'POST /v1/images/pushes': 'Copies an image to another registry.',
  'POST /v1/image-archives': 'Takes an image from an archive, as docker save makes it.',
};
