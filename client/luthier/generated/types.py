"""What the API reads and answers, each object with its fields.

Written by tools/client_types.py from the platform's OpenAPI schema; not by hand.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from typing_extensions import NotRequired


class AcceptanceObject(TypedDict):
    tests: int
    passed: bool | None
    topics: dict[str, Count] | None
    object: Literal["fine_tuning.job.acceptance"]
    fine_tuning_job_id: str
    results: list[StoredTest] | list[Result]


class AcceptanceSummary(TypedDict):
    tests: int
    passed: bool | None
    topics: dict[str, Count] | None


class AnswerMessage(TypedDict):
    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: NotRequired[list[ToolCall]]
    function_call: NotRequired[Function]


class AnswerObject(TypedDict):
    model: str
    answer: str
    prompt_tokens: int
    completion_tokens: int
    stop_reason: str
    scores: dict[str, Any]
    change: str | None


class ApiError(TypedDict):
    code: str
    message: str


class AskedMethod(TypedDict):
    type: NotRequired[Literal["supervised"]]
    supervised: NotRequired[SupervisedSettings | None]


class AskedPrompt(TypedDict):
    prompt: str
    reference: NotRequired[str]


class AuditEventObject(TypedDict):
    id: str
    object: Literal["audit_event"]
    created_at: int
    actor: str | None
    key: str | None
    address: str | None
    request_id: str | None
    team: str | None
    action: str
    target: str | None
    before: dict[str, Any] | None
    after: dict[str, Any]


class AuditEventObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[AuditEventObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class BallotObject(TypedDict):
    question: int
    messages: list[WrittenMessage]
    left: str
    right: str


Bar = TypedDict("Bar", {"from": "int", "to": "int", "rows": "int"})


class BaseModelObject(TypedDict):
    family: str
    parameters: int
    context_length: int
    hidden_size: int
    num_layers: int
    vocab_size: int
    template: str
    object: Literal["base_model"]
    id: str
    display_name: str
    licence: str
    licence_url: str
    licence_accepted: bool
    sources: list[SourceObject]
    state: Literal["absent", "downloading", "present", "failed"]
    bytes_done: int
    bytes_total: int
    error: str
    error_code: str | None
    error_params: dict[str, Any] | None
    sha256: str | None
    present_at: int | None
    shutdown_date: str | None


class BaseModelObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[BaseModelObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class BatchErrorObject(TypedDict):
    code: str
    line: int | None
    message: str
    param: str | None


class BatchErrors(TypedDict):
    object: Literal["list"]
    data: list[BatchErrorObject]


class BatchObject(TypedDict):
    id: str
    object: Literal["batch"]
    endpoint: str
    model: str | None
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    usage: BatchUsage
    metadata: dict[str, str] | None


class BatchObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[BatchObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class BatchUsage(TypedDict):
    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class ChangeObject(TypedDict):
    line: int
    before: str
    after: str | None
    repairs: list[str]


class ChangedDeployment(TypedDict):
    accelerators: NotRequired[Literal["shared", "auto"] | int]
    min_replicas: NotRequired[Literal[0, 1]]
    pool: NotRequired[str]
    open_to_loopback: NotRequired[bool]


class ChangedEval(TypedDict):
    name: NotRequired[str]
    metadata: NotRequired[dict[str, str] | None]


class ChangedInQueue(TypedDict):
    accelerators: NotRequired[Literal["auto"] | int]
    priority: NotRequired[Literal["low", "normal", "high", "urgent"]]


class ChangedMember(TypedDict):
    role: Literal["viewer", "member", "owner"]


class ChangedQuota(TypedDict):
    object: Literal["quota"]
    team: str
    name: str
    pool: str
    accelerators: int | None
    guaranteed: int
    ceiling: int | None
    accelerator_hours: int | None
    per_user: int | None
    longest_run_seconds: int | None
    storage_bytes: int | None
    in_use: int
    borrowed: int
    waiting: int
    hours_used: float
    hours_held: float
    message: str | None
    code: str | None
    params: dict[str, Any] | None
    starts: int
    preempted: int
    paused: int


class ChangedWebhook(TypedDict):
    url: NotRequired[str]
    name: NotRequired[str]
    event_types: NotRequired[list[Literal["team.hours_used", "fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled", "deployment.failed", "batch.completed", "batch.failed", "batch.expired", "batch.cancelled", "fine_tuning.job.verdict", "eval.run.succeeded", "eval.run.failed", "eval.run.canceled"]]]
    enabled: NotRequired[bool]
    language: NotRequired[Literal["en", "zh-hans"]]
    signing_secret: NotRequired[str]


class ChatChoice(TypedDict):
    index: int
    logprobs: Logprobs | None
    finish_reason: str | None
    message: AnswerMessage


class ChatChunk(TypedDict):
    id: str
    created: int
    model: str
    object: Literal["chat.completion.chunk"]
    choices: list[DeltaChoice]
    usage: NotRequired[TokenUsage | None]


class ChatCompletion(TypedDict):
    id: str
    created: int
    model: str
    object: Literal["chat.completion"]
    choices: list[ChatChoice]
    usage: TokenUsage


class CheckpointMetrics(TypedDict):
    step: int
    train_loss: float | None
    train_mean_token_accuracy: float | None
    valid_loss: float | None
    valid_mean_token_accuracy: float | None
    full_valid_loss: float | None
    full_valid_mean_token_accuracy: float | None


class CheckpointObject(TypedDict):
    id: str
    object: Literal["fine_tuning.job.checkpoint"]
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    step_number: int
    metrics: CheckpointMetrics
    bytes: int
    is_result: bool


class CheckpointObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[CheckpointObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ChoicesObject(TypedDict):
    object: Literal["notifications.choices"]
    on_pages: list[str]
    by_mail: list[str]
    of_others: bool
    mail_is_on: bool


class Chosen(TypedDict):
    on_pages: list[Literal["team.hours_used", "fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled", "deployment.failed", "batch.completed", "batch.failed", "batch.expired", "batch.cancelled", "fine_tuning.job.verdict", "eval.run.succeeded", "eval.run.failed", "eval.run.canceled"]]
    by_mail: list[Literal["team.hours_used", "fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled", "deployment.failed", "batch.completed", "batch.failed", "batch.expired", "batch.cancelled", "fine_tuning.job.verdict", "eval.run.succeeded", "eval.run.failed", "eval.run.canceled"]]
    of_others: bool


class ChosenName(TypedDict):
    name: str


class ChosenTool(TypedDict):
    type: Literal["function"]
    function: ChosenName


class CommandObject(TypedDict):
    object: Literal["command"]
    argv: list[str]
    command: str
    data_url: str | None


class ComparisonObject(TypedDict):
    object: Literal["fine_tuning.job.comparison"]
    jobs: list[OutcomeObject]
    differences: list[DifferenceObject]


class Completion(TypedDict):
    part_ids: list[str]
    md5: NotRequired[str | None]


class Count(TypedDict):
    right: int
    of: int
    needed: int


class Counts(TypedDict):
    faults: int | None
    notes: int | None
    turns: int | None
    roles: dict[str, int] | None
    rows_with_tools: int | None


class CriterionResult(TypedDict):
    testing_criteria: str
    passed: int
    failed: int


class CriterionScore(TypedDict):
    name: str
    type: str
    score: float
    passed: bool


class DataObject(TypedDict):
    id: str
    filename: str | None
    version: int | None
    sha256: str | None


class DataSource(TypedDict):
    type: Literal["completions"]
    source: NotRequired[Source]
    model: NotRequired[str]
    input_messages: NotRequired[dict[str, Any]]
    sampling_params: NotRequired[SamplingParams | None]


class DataSourceConfig(TypedDict):
    type: Literal["custom"]
    schema: dict[str, Any]


class DataSourceConfigField(TypedDict):
    type: Literal["custom"]
    item_schema: NotRequired[dict[str, Any]]
    include_sample_schema: NotRequired[bool | None]


class DeletedEval(TypedDict):
    object: Literal["eval.deleted"]
    deleted: Literal[True]
    eval_id: str


class DeletedObject(TypedDict):
    id: str
    object: str
    deleted: Literal[True]


class DeletedRun(TypedDict):
    object: Literal["eval.run.deleted"]
    deleted: Literal[True]
    run_id: str


class DeliveryObject(TypedDict):
    id: str
    object: Literal["webhook.delivery"]
    event: EventObject
    is_test: bool
    status: Literal["pending", "succeeded", "failed"]
    num_attempts: int
    response_status: int | None
    error: MessageObject
    seconds: float | None
    last_attempt_at: int | None
    next_attempt_at: int | None
    created_at: int


class DeliveryObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[DeliveryObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class Delta(TypedDict):
    role: NotRequired[Literal["assistant"]]
    content: NotRequired[str]
    refusal: NotRequired[None]
    tool_calls: NotRequired[list[NumberedCall]]
    function_call: NotRequired[Function]


class DeltaChoice(TypedDict):
    index: int
    logprobs: Logprobs | None
    finish_reason: str | None
    delta: Delta


class DeploymentObject(TypedDict):
    message: str | None
    code: str | None
    params: dict[str, Any] | None
    id: str
    object: Literal["deployment"]
    name: str
    model: str
    base_model: str
    accelerators: int | Literal["shared", "auto"]
    min_replicas: int
    pool: str
    open_to_loopback: bool
    state: Literal["starting", "answering", "asleep", "failed", "stopped"]
    created_at: int


class DeploymentObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[DeploymentObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class DeviceObject(TypedDict):
    taken: bool
    run: str | None
    team: str | None
    kind: str | None
    label: str | None
    since: int | None
    idle: bool
    index: int
    name: str
    memory_bytes: int
    memory_used_bytes: int | None
    utilisation: int | None
    healthy: bool


class DiffObject(TypedDict):
    object: Literal["file.diff"]
    file: str
    against: str
    same: int
    added: int
    removed: int
    added_rows: list[DiffRow]
    removed_rows: list[DiffRow]


class DiffRow(TypedDict):
    messages: NotRequired[list[WrittenMessage]]
    tools: NotRequired[list[Tool]]
    text: NotRequired[str | None]
    line: int


class DifferenceObject(TypedDict):
    name: str
    label: str
    values: dict[str, Any]


class Download(TypedDict):
    accept_licence: NotRequired[bool]


class Edit(TypedDict):
    row: int
    messages: list[dict[str, Any]] | None


class EditedRows(TypedDict):
    edits: list[Edit]
    reason: NotRequired[str]


class ErrorDetail(TypedDict):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorObject(TypedDict):
    error: ErrorDetail


class Estimate(TypedDict):
    seconds: int | None
    seconds_low: int | None
    seconds_high: int | None
    seconds_source: str | None
    accelerator_hours: float | None
    memory_bytes: int
    memory_source: str
    object: Literal["fine_tuning.job.estimate"]
    rows: int | None
    tokens: int | None
    steps: int | None
    batch_size: int
    accelerators: int
    accelerator_kind: str
    hyperparameters: Values
    reasons: dict[str, str]


class EvalObject(TypedDict):
    id: str
    object: Literal["eval"]
    name: str
    created_at: int
    data_source_config: DataSourceConfig
    testing_criteria: list[dict[str, Any]]
    metadata: dict[str, str]


class EvalObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[EvalObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class EvalRunObject(TypedDict):
    id: str
    object: Literal["eval.run"]
    eval_id: str
    name: str
    model: str
    status: Literal["queued", "in_progress", "completed", "failed", "canceled"]
    created_at: int
    data_source: dict[str, Any]
    metadata: dict[str, str]
    error: ApiError
    report_url: str
    result_counts: ResultCounts
    per_model_usage: list[ModelUsage]
    per_testing_criteria_results: list[CriterionResult]


class EvalRunObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[EvalRunObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class EvaluationError(TypedDict):
    code: str
    message: str


class EvaluationObject(TypedDict):
    id: str
    object: Literal["evaluation"]
    name: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: float
    done: int
    total: int | None
    waits: str | None
    models: list[SubjectObject]
    file: str | None
    job: str | None
    graders: list[dict[str, Any]]
    results: dict[str, dict[str, Figure]]
    pairs: list[Pair]
    reports: dict[str, dict[str, Any]]
    error: EvaluationError | None
    created_at: int
    started_at: int | None
    finished_at: int | None


class EvaluationObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[EvaluationObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class EventObject(TypedDict):
    id: str
    object: Literal["event"]
    type: str
    created_at: int
    data: dict[str, Any]


class EventTypesObject(TypedDict):
    object: Literal["list"]
    data: list[str]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ExampleObject(TypedDict):
    messages: NotRequired[list[WrittenMessage]]
    tools: NotRequired[list[Tool]]
    text: NotRequired[str | None]


class ExpiresAfter(TypedDict):
    anchor: Literal["created_at"]
    seconds: int


class FaultGroupObject(TypedDict):
    message: str | None
    hint: str
    code: str | None
    params: dict[str, Any] | None
    hint_code: str | None
    hint_params: dict[str, Any] | None
    kind: str
    level: str
    count: int
    lines: list[int]


class FaultGroupObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[FaultGroupObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class FaultObject(TypedDict):
    line: int | None
    field: str | None
    kind: str
    level: str
    message: str | None
    hint: str
    code: str | None
    params: dict[str, Any] | None
    hint_code: str | None
    hint_params: dict[str, Any] | None


class FaultsObject(TypedDict):
    object: Literal["list"]
    data: list[FaultObject]
    has_more: bool
    first_id: str | None
    last_id: str | None
    num_faults: int | None
    num_notes: int


class Figure(TypedDict):
    value: float
    low: float
    high: float


class FileAcceptanceObject(TypedDict):
    object: Literal["file.acceptance"]
    tests: list[StoredTest]
    needed: dict[str, float]


class FileObject(TypedDict):
    id: str
    object: Literal["file"]
    bytes: int
    created_at: int | None
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["uploaded", "processed", "error"]
    status_details: str | None


class FileObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[FileObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class FindingObject(TypedDict):
    code: str
    light: Literal["green", "amber", "red"]
    params: dict[str, Any]
    message: str
    evidence: dict[str, Any]
    fix: FixObject | None


class FineTuningJobObject(TypedDict):
    id: str
    object: Literal["fine_tuning.job"]
    created_at: int
    finished_at: int | None
    estimated_finish: int | None
    model: str
    parent: str | None
    fine_tuned_model: str | None
    organization_id: str
    status: Literal["validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"]
    error: JobError | None
    training_file: str | None
    validation_file: str | None
    result_files: list[str]
    trained_tokens: int | None
    seed: int | None
    hyperparameters: dict[str, int | float | str | bool | None]
    method: Method
    integrations: None
    metadata: dict[str, str] | None
    suffix: str | None
    accelerators: int | str
    pool: str
    priority: str
    system_prompt: str
    objective: Literal["text", "conversations"]
    acceptance: AcceptanceSummary | None
    current_step: int
    total_steps: int | None
    result_step: int | None


class FineTuningJobObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[FineTuningJobObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class FixObject(TypedDict):
    action: str
    params: dict[str, Any]
    message: str


class ForecastsObject(TypedDict):
    ranges: int
    held: int
    share: float | None
    object: Literal["forecasts"]


class FormatAnswers(TypedDict):
    examples: list[FormatExamplesRow]
    form: NotRequired[Literal["json", "template"]]
    template: NotRequired[str]
    instruction: NotRequired[str]
    file: NotRequired[str | None]


class FormatExamplesRow(TypedDict):
    input: str
    output: str


class Function(TypedDict):
    name: str
    arguments: Any


class GraderErrors(TypedDict):
    formula_parse_error: bool
    invalid_variable_error: bool
    model_grader_parse_error: bool
    model_grader_refusal_error: bool
    model_grader_server_error: bool
    model_grader_server_error_details: str | None
    other_error: bool
    python_grader_runtime_error: bool
    python_grader_runtime_error_details: str | None
    python_grader_server_error: bool
    python_grader_server_error_type: str | None
    sample_parse_error: bool
    truncated_observation_error: bool
    unresponsive_reward_error: bool


class GraderMetadata(TypedDict):
    name: str
    type: str
    errors: GraderErrors
    execution_time: float
    scores: dict[str, float]
    token_usage: int | None
    sampled_model_name: str | None


class GraderRun(TypedDict):
    reward: float
    sub_rewards: dict[str, float]
    metadata: GraderMetadata
    model_grader_token_usage_per_model: dict[str, TokenCounts]


class HyperparameterObject(TypedDict):
    object: Literal["hyperparameter"]
    name: str
    label: str
    term: str
    type: str
    group: str
    sentence: str
    accepted: str
    choices: list[str]
    managed: str | None
    auto: int | float | str | bool | None
    reason: str


class HyperparameterObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[HyperparameterObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class Hyperparameters(TypedDict):
    batch_size: NotRequired[Literal["auto"] | int | None]
    n_epochs: NotRequired[Literal["auto"] | int | None]
    learning_rate_multiplier: NotRequired[Literal["auto"] | float | None]
    effort: NotRequired[Literal["auto"] | Literal["fast", "balanced", "best"] | None]
    num_train_epochs: NotRequired[Literal["auto"] | float | None]
    learning_rate: NotRequired[Literal["auto"] | float | None]
    lora_dim: NotRequired[Literal["auto"] | int | None]
    max_seq_len: NotRequired[Literal["auto"] | int | None]
    system_prompt: NotRequired[Literal["auto"] | str | None]
    validation_split: NotRequired[Literal["auto"] | float | None]
    data_split: NotRequired[Literal["auto"] | str | None]
    per_device_train_batch_size: NotRequired[Literal["auto"] | int | None]
    gradient_accumulation_steps: NotRequired[Literal["auto"] | int | None]
    per_device_eval_batch_size: NotRequired[Literal["auto"] | int | None]
    lr_scheduler_type: NotRequired[Literal["auto"] | Literal["linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt", "cosine_with_min_lr", "cosine_warmup_with_min_lr", "warmup_stable_decay", "reduce_lr_on_plateau", "greedy"] | None]
    warmup_ratio: NotRequired[Literal["auto"] | float | None]
    weight_decay: NotRequired[Literal["auto"] | float | None]
    max_grad_norm: NotRequired[Literal["auto"] | float | None]
    lora_alpha: NotRequired[Literal["auto"] | float | None]
    lora_dropout: NotRequired[Literal["auto"] | float | None]
    use_rslora: NotRequired[Literal["auto"] | bool | None]
    use_dora: NotRequired[Literal["auto"] | bool | None]
    lora_module_name: NotRequired[Literal["auto"] | str | None]
    only_optimize_lora: NotRequired[Literal["auto"] | bool | None]
    gradient_checkpointing: NotRequired[Literal["auto"] | bool | None]
    zero_stage: NotRequired[Literal["auto"] | int | None]
    offload: NotRequired[Literal["auto"] | bool | None]
    early_stopping_patience: NotRequired[Literal["auto"] | int | None]
    early_stopping_threshold: NotRequired[Literal["auto"] | float | None]
    load_best_model_at_end: NotRequired[Literal["auto"] | bool | None]
    save_steps: NotRequired[Literal["auto"] | int | None]
    save_total_limit: NotRequired[Literal["auto"] | int | None]
    seed: NotRequired[Literal["auto"] | int | None]
    data_path: NotRequired[Literal["auto"] | str | None]
    model_name_or_path: NotRequired[Literal["auto"] | str | None]
    data_output_path: NotRequired[Literal["auto"] | None]
    output_dir: NotRequired[Literal["auto"] | None]
    local_rank: NotRequired[Literal["auto", -1, "-1"] | None]


class IdentityAnswers(TypedDict):
    name: str
    maker: str
    languages: NotRequired[list[Literal["zh", "en"]]]
    tone: NotRequired[Literal["plain", "warm", "formal"]]
    file: NotRequired[str | None]


class InputDetails(TypedDict):
    cached_tokens: int


class InvitationObject(TypedDict):
    id: str
    object: Literal["invitation"]
    email: str
    role: Literal["viewer", "member", "owner"]
    created_at: int
    expires_at: int
    invited_by: str | None
    url: NotRequired[str]


class InvitationObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[InvitationObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ItemUsage(TypedDict):
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    total_tokens: int


class JobError(TypedDict):
    code: str
    message: str
    param: str | None
    log: str | None
    raw_log: NotRequired[str | None]


class JobEventObject(TypedDict):
    message: str | None
    code: str | None
    params: dict[str, Any] | None
    id: str
    object: Literal["fine_tuning.job.event"]
    created_at: int
    level: str
    type: Literal["message", "metrics"]
    data: dict[str, Any]


class JobEventObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[JobEventObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class JsonSchemaFormat(TypedDict):
    name: str
    description: NotRequired[str | None]
    schema: NotRequired[Any]
    strict: NotRequired[bool | None]


class KeyObject(TypedDict):
    id: str
    object: Literal["api_key"]
    name: str
    prefix: str
    scopes: list[Literal["read", "data", "train", "serve", "admin"]] | None
    team: str
    user: str
    limits: LimitsObject
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    value: NotRequired[str | None]


class KeyObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[KeyObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class LabelsAnswers(TypedDict):
    examples: list[LabelsExamplesRow]
    instruction: NotRequired[str]
    file: NotRequired[str | None]


class LabelsExamplesRow(TypedDict):
    text: str
    label: str


class Layout(TypedDict):
    format: str
    shape: str
    use: str
    encoding: str | None


class LimitsBody(TypedDict):
    requests_per_minute: NotRequired[int | None]
    requests_per_day: NotRequired[int | None]
    tokens_per_minute: NotRequired[int | None]
    tokens_per_day: NotRequired[int | None]


class LimitsField(TypedDict):
    requests_per_minute: NotRequired[int | None]
    requests_per_day: NotRequired[int | None]
    tokens_per_minute: NotRequired[int | None]
    tokens_per_day: NotRequired[int | None]


class LimitsObject(TypedDict):
    requests_per_minute: int
    requests_per_day: int
    tokens_per_minute: int
    tokens_per_day: int


class LogObject(TypedDict):
    object: Literal["log"]
    attempt: int
    offset: int
    next_offset: int
    size: int
    text: str
    raw_text: NotRequired[str]


class Logprobs(TypedDict):
    content: list[PickedToken]
    refusal: None


class Made(TypedDict):
    how: NotRequired[str]
    of: NotRequired[str | None]
    reading: NotRequired[dict[str, Any]]
    recipe: NotRequired[str]
    teacher: NotRequired[str]
    answers: NotRequired[dict[str, Any]]
    repairs: NotRequired[list[str]]
    values: NotRequired[dict[str, str]]
    shares: NotRequired[dict[str, float]]
    part: NotRequired[str]
    parts: NotRequired[list[MixedPart]]
    seed: NotRequired[int]
    appended: NotRequired[list[list[dict[str, Any]]]]
    edits: NotRequired[dict[str, list[dict[str, Any]] | None]]
    added: NotRequired[int]
    repeats: NotRequired[int]
    changed: NotRequired[int]
    dropped: NotRequired[int]
    rows: NotRequired[int]


class MaintenanceBody(TypedDict):
    node: NotRequired[str]
    pool: NotRequired[str]
    begins_at: int
    ends_at: int
    reason: NotRequired[str]
    preview: NotRequired[bool]


class MaintenanceObject(TypedDict):
    object: Literal["maintenance"]
    node: str | None
    pool: str | None
    begins_at: int
    ends_at: int
    reason: str
    id: str
    state: Literal["planned", "going_on"]


class MaintenanceObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[MaintenanceObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class MaintenanceOfNode(TypedDict):
    begins_at: int
    ends_at: int
    reason: str
    going_on: bool


class MappedName(TypedDict):
    base: str


class MeasuredDisk(TypedDict):
    kinds: dict[str, int]
    free: int
    total: int
    measured_at: int


class MemberObject(TypedDict):
    id: str
    object: Literal["member"]
    email: str
    name: str
    role: Literal["viewer", "member", "owner"]
    active: bool


class MemberObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[MemberObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class MessageObject(TypedDict):
    message: str | None
    code: str | None
    params: dict[str, Any] | None


class Method(TypedDict):
    type: Literal["supervised"]
    supervised: SupervisedMethod


class MetricsObject(TypedDict):
    id: str
    object: Literal["fine_tuning.job.metrics"]
    step: int
    train_loss: float | None
    smoothed_loss: float | None
    valid_loss: float | None
    learning_rate: float | None
    tokens_per_second: float | None
    peak_memory_bytes: int | None
    tokens: int | None
    checkpoint: str | None


class MetricsObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[MetricsObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class MixPart(TypedDict):
    file: str
    weight: NotRequired[float]


class MixedPart(TypedDict):
    file: str
    name: str
    weight: float
    rows: NotRequired[int]


class ModelNameObject(TypedDict):
    id: str
    object: Literal["model_name"]
    base: str
    set_at: int | None


class ModelNameObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[ModelNameObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ModelObject(TypedDict):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    shutdown_date: NotRequired[str]


class ModelObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[ModelObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ModelUsage(TypedDict):
    model_name: str
    invocation_count: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    total_tokens: int


class MoveBody(TypedDict):
    to: Literal["front", "back"]


class MovedNode(TypedDict):
    object: Literal["node"]
    name: str
    pool: str
    draining: bool
    runs: int
    message: str | None
    code: str | None
    params: dict[str, Any] | None
    moved: bool
    starts: int


class NamedJobObject(TypedDict):
    id: str
    object: Literal["job.name"]
    name: str
    is_given: bool
    fine_tuned_model: str | None


class NamedTeamObject(TypedDict):
    id: str
    object: Literal["team"]
    name: str
    created_at: int


class NamedTeamObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[NamedTeamObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class NewBatch(TypedDict):
    input_file_id: str
    endpoint: Literal["/v1/chat/completions", "/v1/completions"]
    completion_window: Literal["24h"]
    metadata: NotRequired[dict[str, str] | None]
    output_expires_after: NotRequired[ExpiresAfter | None]


class NewChatCompletion(TypedDict):
    model: str
    stream: NotRequired[bool | None]
    stream_options: NotRequired[StreamOptions | None]
    n: NotRequired[int | None]
    temperature: NotRequired[float | None]
    top_p: NotRequired[float | None]
    max_tokens: NotRequired[int | None]
    stop: NotRequired[str | list[str] | None]
    seed: NotRequired[int | None]
    presence_penalty: NotRequired[float | None]
    frequency_penalty: NotRequired[float | None]
    logit_bias: NotRequired[dict[str, float] | None]
    user: NotRequired[Any]
    messages: list[Any]
    max_completion_tokens: NotRequired[int | None]
    logprobs: NotRequired[bool | None]
    top_logprobs: NotRequired[int | None]
    tools: NotRequired[list[OfferedTool] | None]
    tool_choice: NotRequired[Literal["auto", "none", "required"] | ChosenTool | None]
    parallel_tool_calls: NotRequired[bool | None]
    functions: NotRequired[list[OfferedFunction] | None]
    function_call: NotRequired[Literal["auto", "none"] | ChosenName | None]
    response_format: NotRequired[ResponseFormat | None]
    store: NotRequired[Literal[False] | None]
    service_tier: NotRequired[Literal["auto", "default"] | None]
    modalities: NotRequired[list[Literal["text"] | None] | None]
    metadata: NotRequired[Any]
    safety_identifier: NotRequired[Any]
    prompt_cache_key: NotRequired[Any]


class NewCompletion(TypedDict):
    model: str
    stream: NotRequired[bool | None]
    stream_options: NotRequired[StreamOptions | None]
    n: NotRequired[int | None]
    temperature: NotRequired[float | None]
    top_p: NotRequired[float | None]
    max_tokens: NotRequired[int | None]
    stop: NotRequired[str | list[str] | None]
    seed: NotRequired[int | None]
    presence_penalty: NotRequired[float | None]
    frequency_penalty: NotRequired[float | None]
    logit_bias: NotRequired[dict[str, float] | None]
    user: NotRequired[Any]
    prompt: str | list[str]
    logprobs: NotRequired[None]
    suffix: NotRequired[None]
    echo: NotRequired[Literal[False] | None]
    best_of: NotRequired[int | None]


class NewDeployment(TypedDict):
    name: str
    model: str
    accelerators: NotRequired[Literal["shared", "auto"] | int]
    min_replicas: NotRequired[Literal[0, 1]]
    pool: NotRequired[str]
    open_to_loopback: NotRequired[bool]


class NewEval(TypedDict):
    data_source_config: DataSourceConfigField
    testing_criteria: list[dict[str, Any]]
    name: NotRequired[str]
    metadata: NotRequired[dict[str, str] | None]


class NewEvaluation(TypedDict):
    models: list[str]
    file: NotRequired[str]
    prompts: NotRequired[list[str | AskedPrompt]]
    graders: NotRequired[list[dict[str, Any]]]
    baseline: NotRequired[bool]
    name: NotRequired[str]
    priority: NotRequired[Literal["low", "normal", "high"]]


class NewFile(TypedDict):
    file: IO[bytes] | bytes | tuple[str, IO[bytes] | bytes]
    purpose: Literal["fine-tune", "batch", "evals"]
    expires_after: NotRequired[ExpiresAfter]
    unused: NotRequired[Literal["leave_out", ""]]


class NewGrader(TypedDict):
    grader: dict[str, Any]


class NewGraderRun(TypedDict):
    grader: dict[str, Any]
    model_sample: str
    item: NotRequired[dict[str, Any]]


class NewJob(TypedDict):
    model: str
    training_file: str
    validation_file: NotRequired[str | None]
    hyperparameters: NotRequired[Hyperparameters | None]
    method: NotRequired[AskedMethod | None]
    seed: NotRequired[Literal["auto"] | int | None]
    suffix: NotRequired[str | None]
    metadata: NotRequired[dict[str, str] | None]
    accelerators: NotRequired[Literal["auto"] | int | None]
    pool: NotRequired[str | None]
    priority: NotRequired[Literal["low", "normal", "high", "urgent"] | None]
    system_prompt: NotRequired[str | None]
    integrations: NotRequired[list[Any] | None]


class NewKey(TypedDict):
    name: NotRequired[str]
    scopes: NotRequired[list[Literal["read", "data", "train", "serve", "admin"]]]
    expires_in_days: NotRequired[int | None]
    limits: NotRequired[LimitsField]


class NewMember(TypedDict):
    email: str
    role: NotRequired[Literal["viewer", "member", "owner"]]


class NewMixture(TypedDict):
    parts: list[MixPart]
    filename: NotRequired[str]
    seed: NotRequired[int]


class NewName(TypedDict):
    name: str


class NewPart(TypedDict):
    data: IO[bytes] | bytes | tuple[str, IO[bytes] | bytes]


class NewPoolBody(TypedDict):
    title: NotRequired[str]
    overcommit: NotRequired[bool]
    name: str


class NewReading(TypedDict):
    format: NotRequired[Literal["parquet", "xlsx", "csv", "text", "json", "json-objects", "jsonl", ""]]
    shape: NotRequired[Literal["preference", "chosen_rejected", "kto", "reinforcement", "batch_requests", "messages", "conversations", "listed_messages", "paired_turns", "gemini", "yandexgpt", "moss", "chatgpt", "prompt_messages", "alpaca", "query_response", "prompt_completion", "question_answer", "question_response", "question_answers", "prompt_response", "q_a", "content_summary", "document_summary", "input_output", "input_target", "source_target", "text_input_output", "input_text_output_text", "request_response", "instruction_response", "problem_solution", "query_answer", "prompt_answer", "instruction_answer", "inputs_targets", "user_assistant", "问题_回答", "问题_答案", "提问_回答", "输入_输出", "text", "lone_message", "columns", ""]]
    encoding: NotRequired[Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "windows-1252", ""]]
    columns: NotRequired[dict[str, str]]
    unused: NotRequired[dict[str, Literal["leave_out", "question", "system"]]]
    reason: NotRequired[str]


class NewRepair(TypedDict):
    repairs: list[Literal["strip_comments", "strip_commas", "fix_roles", "merge_consecutive", "drop_trailing_question", "unwrap_template", "trim", "fill_placeholders", "mask_personal_data", "drop_repeated", "drop_faulty"]]
    values: NotRequired[dict[str, str]]
    preview: NotRequired[bool]
    reason: NotRequired[str]


class NewRows(TypedDict):
    rows: list[list[dict[str, Any]]]
    reason: NotRequired[str]


class NewRun(TypedDict):
    data_source: DataSource
    name: NotRequired[str]
    metadata: NotRequired[dict[str, str] | None]


class NewShare(TypedDict):
    left: NotRequired[str]
    right: NotRequired[str]
    system: NotRequired[str]
    settings: NotRequired[SettingsField]
    turns: list[SharedTurn]


class NewSplit(TypedDict):
    shares: Shares
    seed: NotRequired[int]


class NewUpload(TypedDict):
    bytes: int
    filename: str
    mime_type: str
    purpose: Literal["fine-tune", "batch", "evals"]
    expires_after: NotRequired[ExpiresAfter | None]


class NewVersion(TypedDict):
    file: IO[bytes] | bytes | tuple[str, IO[bytes] | bytes]
    reason: NotRequired[str]
    unused: NotRequired[Literal["leave_out", ""]]


class NewVote(TypedDict):
    question: int
    choice: Literal["left", "right", "both", "neither"]


class NewWebhook(TypedDict):
    url: str
    name: NotRequired[str]
    event_types: NotRequired[list[Literal["team.hours_used", "fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled", "deployment.failed", "batch.completed", "batch.failed", "batch.expired", "batch.cancelled", "fine_tuning.job.verdict", "eval.run.succeeded", "eval.run.failed", "eval.run.canceled"]]]
    form: NotRequired[Literal["standard", "feishu", "dingtalk", "wecom", "slack"]]
    language: NotRequired[Literal["en", "zh-hans"]]
    signing_secret: NotRequired[str]


class NodeInService(TypedDict):
    object: Literal["node"]
    name: str
    pool: str
    draining: bool
    runs: int


class NodeObject(TypedDict):
    name: str
    pool: str
    kind: Literal["cpu", "cuda"]
    heard: bool
    draining: bool
    maintenance: MaintenanceOfNode | None
    last_seen_at: int | None
    disk: NotRequired[MeasuredDisk | None]
    devices: list[DeviceObject]


class NodePoolBody(TypedDict):
    pool: str
    preview: NotRequired[bool]


class NoteObject(TypedDict):
    kind: str
    code: str
    params: dict[str, Any]
    message: str
    count: int


class NoticeObject(TypedDict):
    id: str
    object: Literal["notification"]
    type: str
    title: str
    subject: str
    reason: str
    url: str
    team: str
    created_at: int
    read_at: int | None


class NoticeObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[NoticeObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class NumberedCall(TypedDict):
    id: NotRequired[str]
    type: str
    function: Function
    index: int


class OfferedFunction(TypedDict):
    name: str
    description: NotRequired[str | None]
    parameters: NotRequired[Any]
    strict: NotRequired[bool | None]


class OfferedRepair(TypedDict):
    name: str
    title: str
    sentence: str
    mends: list[str]


class OfferedRepairListObject(TypedDict):
    object: Literal["list"]
    data: list[OfferedRepair]
    has_more: bool
    first_id: str | None
    last_id: str | None


class OfferedTool(TypedDict):
    type: Literal["function"]
    function: OfferedFunction


class OutcomeObject(TypedDict):
    id: str
    name: str
    status: Literal["validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"]
    fine_tuned_model: str | None
    light: Literal["green", "amber", "red"] | None
    best_step: int | None
    result_step: int | None
    steps: int
    seconds: int | None
    tokens: int | None
    tokens_per_second: float | None
    train_loss: float | None
    valid_loss: float | None
    lowest_valid_loss: float | None
    lowest_valid_step: int | None
    evaluation: str | None
    results: dict[str, Figure]


class OutputDetails(TypedDict):
    reasoning_tokens: int


class OutputItem(TypedDict):
    id: str
    object: Literal["eval.run.output_item"]
    created_at: int
    eval_id: str
    run_id: str
    status: Literal["pass", "fail"]
    datasource_item_id: int
    datasource_item: dict[str, Any]
    sample: SampleOfItem
    results: list[CriterionScore]


class OutputItemListObject(TypedDict):
    object: Literal["list"]
    data: list[OutputItem]
    has_more: bool
    first_id: str | None
    last_id: str | None


class Pair(TypedDict):
    base: str
    model: str
    metric: str
    difference: Figure
    is_certain: bool
    rows: int


class PasswordLinkObject(TypedDict):
    object: Literal["password_link"]
    email: str
    expires_at: int
    url: str


class PickedToken(TypedDict):
    token: str
    logprob: float
    bytes: list[int] | None
    top_logprobs: list[ShownToken]


class PlannedMaintenance(TypedDict):
    object: Literal["maintenance"]
    node: str | None
    pool: str | None
    begins_at: int
    ends_at: int
    reason: str
    message: str | None
    code: str | None
    params: dict[str, Any] | None
    id: str | None
    state: Literal["planned", "going_on"] | None
    drained: int
    held_back: int


class PoolBody(TypedDict):
    title: NotRequired[str]
    overcommit: NotRequired[bool]


class PoolObject(TypedDict):
    accelerators: int
    free: int
    kind: Literal["cpu", "cuda"]
    nodes: list[NodeObject]
    teams: list[TeamObject]
    object: Literal["pool"]


class PoolRow(TypedDict):
    id: str
    object: Literal["pool.summary"]
    name: str
    title: str
    overcommit: bool
    nodes: int
    accelerators: int
    guaranteed: int


class PoolRowListObject(TypedDict):
    object: Literal["list"]
    data: list[PoolRow]
    has_more: bool
    first_id: str | None
    last_id: str | None


class PreemptionEffect(TypedDict):
    message: str | None
    code: str | None
    params: dict[str, Any] | None
    object: Literal["effect"]
    starts: int


class PriorityBody(TypedDict):
    priority: Literal["low", "normal", "high", "urgent"]


class QuestionObject(TypedDict):
    message: str | None
    code: str | None
    params: dict[str, Any] | None
    name: str
    kind: str
    count: int
    sample: str
    choices: list[str]


class QueueObject(TypedDict):
    position: int | None
    code: str | None
    params: dict[str, Any] | None
    message: str | None
    blockers: list[str] | None
    eta_low: int | None
    eta_high: int | None
    what_if: list[WhatIfObject] | None


class QueuedObject(TypedDict):
    id: str
    object: Literal["queue.run"]
    state: Literal["waiting", "starting", "running", "concluding", "ended"]
    position: int | None
    kind: str
    label: str
    model: str
    team: str
    user: str | None
    pool: str
    accelerators: int | None
    priority: str
    queued_at: int
    started_at: int | None
    node: str | None
    stop_reason: str | None
    code: str | None
    params: dict[str, Any] | None
    message: str | None
    eta_low: int | None
    eta_high: int | None


class QueuedObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[QueuedObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class QuotaBody(TypedDict):
    accelerators: NotRequired[int | None]
    guaranteed: NotRequired[int]
    ceiling: NotRequired[int | None]
    accelerator_hours: NotRequired[int | None]
    per_user: NotRequired[int | None]
    longest_run_seconds: NotRequired[int | None]
    storage_bytes: NotRequired[int | None]
    preview: NotRequired[bool]


class QuotaObject(TypedDict):
    object: Literal["quota"]
    team: str
    name: str
    pool: str
    accelerators: int | None
    guaranteed: int
    ceiling: int | None
    accelerator_hours: int | None
    per_user: int | None
    longest_run_seconds: int | None
    storage_bytes: int | None
    in_use: int
    borrowed: int
    waiting: int
    hours_used: float
    hours_held: float


class Read(TypedDict):
    ids: NotRequired[list[str]]


class ReadObject(TypedDict):
    object: Literal["notifications.read"]
    marked: int
    unread: int


class ReadingObject(TypedDict):
    format: NotRequired[str]
    shape: NotRequired[str]
    encoding: NotRequired[str]
    columns: NotRequired[dict[str, str]]
    unused: NotRequired[dict[str, str]]


class ReceivedPart(TypedDict):
    id: str
    bytes: int
    created_at: int | None


class ReceivedUpload(TypedDict):
    id: str
    object: Literal["upload"]
    bytes: int
    created_at: int | None
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: FileObject | None
    parts: list[ReceivedPart]


class RecipeField(TypedDict):
    name: str
    type: str
    label: str
    help: str
    required: bool
    choices: NotRequired[list[str]]
    default: NotRequired[list[str] | str]
    columns: NotRequired[list[str]]


class RecipeObject(TypedDict):
    object: Literal["recipe"]
    name: str
    goal: str
    promise: str
    cannot: str
    needs: str
    fields: list[RecipeField]
    needed: dict[str, float]
    hyperparameters: dict[str, Any]


class RecipeObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[RecipeObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class RepairObject(TypedDict):
    object: Literal["file.repair"]
    file: FileObject | None
    is_partial: NotRequired[bool]
    num_changed: NotRequired[int]
    num_dropped: NotRequired[int]
    num_rows_after: NotRequired[int]
    num_faults_after: NotRequired[int]
    by_repair: NotRequired[dict[str, int]]
    changes: NotRequired[list[ChangeObject]]


class RequestCounts(TypedDict):
    total: int
    completed: int
    failed: int


class ResponseFormat(TypedDict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: NotRequired[JsonSchemaFormat]


class Result(TypedDict):
    messages: list[WrittenMessage]
    must_say: list[str]
    must_not_say: list[str]
    topic: str
    may_say: NotRequired[list[str]]
    expected: NotRequired[str]
    held_to: NotRequired[Literal["", "same", "like"]]
    likeness: NotRequired[float]
    must_not_be: NotRequired[list[str]]
    form: NotRequired[StoredForm]
    has_form: NotRequired[bool]
    before: str | None
    answer: str
    passed: bool
    missing: list[str]
    unwanted: list[str]
    fault: NotRequired[Literal["", "another", "unlike", "one_of_those", "without_form", "with_form"]]


class ResultCounts(TypedDict):
    total: int
    errored: int
    failed: int
    passed: int


class Rotation(TypedDict):
    overlap_seconds: NotRequired[int]


class RowFaultObject(TypedDict):
    message: str | None
    hint: str
    code: str | None
    params: dict[str, Any] | None
    hint_code: str | None
    hint_params: dict[str, Any] | None
    kind: str
    field: str | None


class RowObject(TypedDict):
    number: int | None
    line: int
    messages: list[WrittenMessage] | None
    tools: list[Tool] | None
    text: str | None
    raw: str | None
    faults: list[RowFaultObject]


class RowTokens(TypedDict):
    tokens: list[TokenObject]
    truncated: bool
    system_prompt: str


class RowsObject(TypedDict):
    object: Literal["list"]
    data: list[RowObject]
    has_more: bool
    first_id: str | None
    last_id: str | None
    total: int | None
    next_offset: int | None


class SampleEvent(TypedDict):
    event_type: Literal["team.hours_used", "fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled", "deployment.failed", "batch.completed", "batch.failed", "batch.expired", "batch.cancelled", "fine_tuning.job.verdict", "eval.run.succeeded", "eval.run.failed", "eval.run.canceled"]


class SampleObject(TypedDict):
    id: str
    object: Literal["evaluation.sample"]
    number: int
    kind: Literal["held_out", "training", "recipe", "general", "prompt"]
    topic: str | None
    messages: list[WrittenMessage]
    reference: str | None
    checks: dict[str, list[str]]
    answers: list[AnswerObject]


class SampleObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[SampleObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class SampleOfItem(TypedDict):
    input: list[WrittenMessage]
    output: list[dict[str, str]]
    model: str
    finish_reason: str
    usage: ItemUsage
    error: ApiError
    max_completion_tokens: int
    temperature: float
    top_p: float
    seed: int


class SampleResult(TypedDict):
    object: Literal["webhook_endpoint.test"]
    webhook_endpoint_id: str
    event_type: str
    status_code: int
    success: Literal[True]


class SamplingParams(TypedDict):
    max_completion_tokens: NotRequired[int | None]
    temperature: NotRequired[Literal[0] | None]
    top_p: NotRequired[Literal[1] | None]
    seed: NotRequired[None]
    response_format: NotRequired[None]
    reasoning_effort: NotRequired[None]
    tools: NotRequired[None]


class SecretRotation(TypedDict):
    keep_old_secret_active_for_24_hours: NotRequired[bool]


class SentenceAnswers(TypedDict):
    prompt: str
    teacher: str
    prompts: list[str]
    file: NotRequired[str | None]


class Settings(TypedDict):
    temperature: float
    top_p: float
    max_tokens: int
    seed: NotRequired[int | None]


class SettingsField(TypedDict):
    temperature: NotRequired[float]
    top_p: NotRequired[float]
    max_tokens: NotRequired[int]
    seed: NotRequired[int | None]


class ShareObject(TypedDict):
    id: str
    object: Literal["playground.share"]
    left: str
    right: str
    system: str
    settings: Settings
    turns: list[TurnObject]
    created_by: str | None
    created_at: int


class ShareObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[ShareObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class SharedTurn(TypedDict):
    prompt: str
    left: str | None
    right: str | None


class Shares(TypedDict):
    train: NotRequired[float]
    validation: NotRequired[float]
    test: NotRequired[float]


class ShownToken(TypedDict):
    token: str
    logprob: float
    bytes: list[int] | None


class Shutdown(TypedDict):
    shutdown_date: str | None


class Source(TypedDict):
    type: Literal["file_content", "file_id"]
    id: NotRequired[str]
    content: NotRequired[list[dict[str, Any]]]


class SourceObject(TypedDict):
    kind: str
    repo: str


class SplitObject(TypedDict):
    object: Literal["file.split"]
    train: NotRequired[VersionObject]
    validation: NotRequired[VersionObject]
    test: NotRequired[VersionObject]


class StoredForm(TypedDict):
    keys: NotRequired[dict[str, list[str]]]
    optional: NotRequired[list[str]]
    pieces: NotRequired[list[str]]


class StoredTest(TypedDict):
    messages: list[WrittenMessage]
    must_say: list[str]
    must_not_say: list[str]
    topic: str
    may_say: NotRequired[list[str]]
    expected: NotRequired[str]
    held_to: NotRequired[Literal["", "same", "like"]]
    likeness: NotRequired[float]
    must_not_be: NotRequired[list[str]]
    form: NotRequired[StoredForm]
    has_form: NotRequired[bool]


class StreamOptions(TypedDict):
    include_usage: NotRequired[bool | None]
    include_obfuscation: NotRequired[Literal[False] | None]


class SubjectObject(TypedDict):
    name: str
    kind: Literal["base", "tuned", "checkpoint", "deployment"]
    base_model: str


class SupervisedMethod(TypedDict):
    hyperparameters: dict[str, int | float | str | bool | None]


class SupervisedSettings(TypedDict):
    hyperparameters: NotRequired[Hyperparameters | None]


class TeamBody(TypedDict):
    name: str


class TeamLimitsObject(TypedDict):
    requests_per_minute: int
    requests_per_day: int
    tokens_per_minute: int
    tokens_per_day: int
    object: Literal["rate_limits"]
    team: str


class TeamObject(TypedDict):
    id: str
    name: str
    slug: str
    quota: int | None
    in_use: int
    waiting: int


class TermsAnswers(TypedDict):
    terms: list[TermsTermsRow]
    file: NotRequired[str | None]


class TermsTermsRow(TypedDict):
    term: str
    meaning: str
    say: NotRequired[str]


class TextChoice(TypedDict):
    index: int
    logprobs: Logprobs | None
    finish_reason: str | None
    text: str


class TextChunk(TypedDict):
    id: str
    created: int
    model: str
    object: Literal["text_completion"]
    choices: list[TextChoice]
    usage: NotRequired[TokenUsage | None]


class TextCompletion(TypedDict):
    id: str
    created: int
    model: str
    object: Literal["text_completion"]
    choices: list[TextChoice]
    usage: TokenUsage


class Token(TypedDict):
    token: str


class TokenCounts(TypedDict):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int


class TokenObject(TypedDict):
    id: int
    text: str
    trained: bool


class TokenStatistics(TypedDict):
    object: Literal["file.statistics"]
    model: str
    system_prompt: str
    rows: int
    rows_looked_at: int
    tokens: int
    trained_tokens_per_epoch: int
    p50: int
    p95: int
    max: int
    longest_line: int | None
    max_seq_len: int
    rows_cut: int
    share_cut: float
    rows_without_answer: int
    histogram: list[Bar]


class TokenUsage(TypedDict):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ToneAnswers(TypedDict):
    pairs: list[TonePairsRow]
    marks: NotRequired[list[str]]
    never: NotRequired[list[str]]
    file: NotRequired[str | None]


class TonePairsRow(TypedDict):
    question: str
    answer: str


class Tool(TypedDict):
    type: NotRequired[str]
    function: dict[str, Any]


class ToolCall(TypedDict):
    id: NotRequired[str]
    type: str
    function: Function


class TunedModelObject(TypedDict):
    id: str
    object: Literal["model.tuned"]
    name: str
    is_named: bool
    model: str
    base_model: str
    parent: str | None
    job: str
    result: Literal["adapter", "model"]
    bytes: int
    sha256: str
    training_data: DataObject
    validation_data: DataObject | None
    evaluation: str | None
    deployments: list[str]
    created_at: int


class TunedModelObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[TunedModelObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class TurnObject(TypedDict):
    prompt: str
    left: str | None
    right: str | None


class UploadObject(TypedDict):
    id: str
    object: Literal["upload"]
    bytes: int
    created_at: int | None
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: FileObject | None


class UploadPartObject(TypedDict):
    id: str
    object: Literal["upload.part"]
    created_at: int | None
    upload_id: str


class UsageRow(TypedDict):
    team: NotRequired[str | None]
    user: NotRequired[str | None]
    day: NotRequired[str | None]
    model: NotRequired[str | None]
    accelerator_seconds: float
    requests: int
    prompt_tokens: int
    completion_tokens: int


class UsageRowListObject(TypedDict):
    object: Literal["list"]
    data: list[UsageRow]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ValidatedGrader(TypedDict):
    grader: dict[str, Any]


class Values(TypedDict):
    effort: NotRequired[str]
    num_train_epochs: NotRequired[float]
    learning_rate: NotRequired[float]
    lora_dim: NotRequired[int]
    max_seq_len: NotRequired[int]
    system_prompt: NotRequired[str]
    validation_split: NotRequired[float]
    data_split: NotRequired[str]
    per_device_train_batch_size: NotRequired[int]
    gradient_accumulation_steps: NotRequired[int]
    per_device_eval_batch_size: NotRequired[int]
    lr_scheduler_type: NotRequired[str]
    warmup_ratio: NotRequired[float]
    weight_decay: NotRequired[float]
    max_grad_norm: NotRequired[float]
    lora_alpha: NotRequired[float]
    lora_dropout: NotRequired[float]
    use_rslora: NotRequired[bool]
    use_dora: NotRequired[bool]
    lora_module_name: NotRequired[str]
    only_optimize_lora: NotRequired[bool]
    gradient_checkpointing: NotRequired[bool]
    zero_stage: NotRequired[int]
    offload: NotRequired[bool]
    early_stopping_patience: NotRequired[int]
    early_stopping_threshold: NotRequired[float]
    load_best_model_at_end: NotRequired[bool]
    save_steps: NotRequired[int]
    save_total_limit: NotRequired[int]
    seed: NotRequired[int]


class VerdictObject(TypedDict):
    object: Literal["fine_tuning.job.verdict"]
    fine_tuning_job_id: str
    light: Literal["green", "amber", "red"] | None
    findings: list[FindingObject]
    best_step: int | None
    evaluation: str | None
    status: str | None
    progress: float | None


class VersionObject(TypedDict):
    id: str
    object: Literal["file"]
    bytes: int
    created_at: int | None
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["uploaded", "processed", "error"]
    status_details: str | None
    version: int
    parent: str | None
    author: str | None
    reason: str | None
    made: Made
    sha256: str
    num_rows: int | None
    num_faults: int | None


class VersionObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[VersionObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class VoteObject(TypedDict):
    by: str | None
    choice: str
    at: int


class VotedSample(TypedDict):
    id: str
    object: Literal["evaluation.sample"]
    number: int
    kind: Literal["held_out", "training", "recipe", "general", "prompt"]
    topic: str | None
    messages: list[WrittenMessage]
    reference: str | None
    checks: dict[str, list[str]]
    answers: list[AnswerObject]
    votes: list[VoteObject]


class VotesObject(TypedDict):
    object: Literal["evaluation.votes"]
    evaluation: str
    models: list[str]
    votes: int
    people: int
    preferred: dict[str, int]
    both: int
    neither: int
    score: Figure | None
    open: int
    next: BallotObject | None


class WebhookObject(TypedDict):
    id: str
    object: Literal["webhook_endpoint"]
    name: str
    url: str
    form: Literal["standard", "feishu", "dingtalk", "wecom", "slack"]
    language: str
    event_types: list[str]
    signing_secret_hint: str
    signing_secret: NotRequired[str | None]
    enabled: bool
    disabled_because: MessageObject
    failing_since: int | None
    created_by: str | None
    created_at: int
    updated_at: int


class WebhookObjectListObject(TypedDict):
    object: Literal["list"]
    data: list[WebhookObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class WhatIfObject(TypedDict):
    change: dict[str, str | int]
    message: str
    eta_low: int
    eta_high: int


class WholeFileObject(TypedDict):
    id: str
    object: Literal["file"]
    bytes: int
    created_at: int | None
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["uploaded", "processed", "error"]
    status_details: str | None
    version: int
    parent: str | None
    author: str | None
    reason: str | None
    made: Made
    sha256: str
    num_rows: int | None
    num_faults: int | None
    rows: int | None
    counts: Counts
    verdict: MessageObject
    notes: list[NoteObject]
    layout: Layout
    reading: ReadingObject
    questions: list[QuestionObject]
    left_out: list[str]
    columns: list[str]


class WrittenMessage(TypedDict):
    role: str
    content: str | None
    tool_calls: NotRequired[list[ToolCall]]
    tool_call_id: NotRequired[str]
    name: NotRequired[str]
    weight: NotRequired[int]
