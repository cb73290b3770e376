# The three parts as services of ECS on Fargate; none where no image is named.
data "aws_region" "here" {}

locals {
  services = var.image == "" ? {} : {
    api       = { count = var.apis, cpu = 1024, memory = 2048 }
    consumer  = { count = var.consumers, cpu = 1024, memory = 2048 }
    compacter = { count = var.compacters, cpu = 1024, memory = 2048 }
  }
  environment = {
    HRM_QUEUE_URL   = aws_sqs_queue.readings.url
    HRM_STORAGE_URL = "s3://${aws_s3_bucket.readings.id}/${var.prefix}"
    AWS_REGION      = data.aws_region.here.name
  }
  api_environment = {
    HRM_HOST          = "0.0.0.0"
    HRM_ALLOWED_HOSTS = join(",", var.allowed_hosts)
    HRM_KEYS_FILE     = "/data/keys.json"
  }
  # The keys are a file, and ECS gives secrets as variables.
  api_command = "umask 077; printf %s \"$KEYS\" > /data/keys.json; unset KEYS; exec hrm serve --only api"
}

resource "aws_ecs_cluster" "this" {
  count = var.image == "" ? 0 : 1
  name  = var.name
}

resource "aws_cloudwatch_log_group" "part" {
  for_each          = local.services
  name              = "/${var.name}/${each.key}"
  retention_in_days = 30
}

resource "aws_ecs_task_definition" "part" {
  for_each                 = local.services
  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  task_role_arn            = aws_iam_role.part[each.key].arn
  execution_role_arn       = aws_iam_role.execution.arn
  volume {
    name = "data"
  }
  container_definitions = jsonencode([{
    name       = each.key
    image      = var.image
    essential  = true
    entryPoint = each.key == "api" ? ["sh", "-c"] : null
    command    = each.key == "api" ? [local.api_command] : ["serve", "--only", each.key]
    environment = [
      for name, value in merge(local.environment, each.key == "api" ? local.api_environment : {}) :
      { name = name, value = value }
    ]
    secrets      = each.key == "api" ? [{ name = "KEYS", valueFrom = var.keys_secret_arn }] : []
    portMappings = each.key == "api" ? [{ containerPort = 8000, protocol = "tcp" }] : []
    mountPoints  = [{ sourceVolume = "data", containerPath = "/data" }]
    # A container's first process cannot kill itself, which it does where it stands still.
    linuxParameters        = { initProcessEnabled = true }
    readonlyRootFilesystem = true
    # Requests in flight end, and the batch in hand is stored or given back.
    stopTimeout = 60
    healthCheck = each.key == "api" ? {
      command     = ["CMD", "hrm", "health", "--url", "http://127.0.0.1:8000"]
      interval    = 15
      timeout     = 10
      retries     = 4
      startPeriod = 30
    } : null
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.part[each.key].name
        awslogs-region        = data.aws_region.here.name
        awslogs-stream-prefix = each.key
      }
    }
  }])
}

resource "aws_ecs_service" "part" {
  for_each        = local.services
  name            = each.key
  cluster         = aws_ecs_cluster.this[0].id
  task_definition = aws_ecs_task_definition.part[each.key].arn
  desired_count   = each.value.count
  launch_type     = "FARGATE"
  network_configuration {
    subnets         = var.subnet_ids
    security_groups = var.security_group_ids
  }
  dynamic "load_balancer" {
    for_each = each.key == "api" && var.target_group_arn != "" ? [1] : []
    content {
      target_group_arn = var.target_group_arn
      container_name   = "api"
      container_port   = 8000
    }
  }
  lifecycle {
    precondition {
      condition     = each.key != "api" || var.keys_secret_arn != ""
      error_message = "Beyond its own machine the API needs keys: set keys_secret_arn."
    }
  }
}
