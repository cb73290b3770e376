# Each part of the system has a role that may do what that part does, and nothing else.
locals {
  parts = toset(["api", "consumer", "compacter"])
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "part" {
  for_each = local.parts

  # All of them prove at the start that conditions hold, and set damaged files aside.
  statement {
    sid       = "Objects"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.readings.arn}/${var.prefix}/*"]
  }

  # Without a condition on the prefix: with one S3 answers 403 for an object that is not there, and not 404.
  statement {
    sid       = "Listings"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.readings.arn]
  }

  # Also a compacter asks the queue which store its readings go to.
  statement {
    sid       = "Look"
    actions   = ["sqs:GetQueueAttributes", "sqs:ListQueueTags"]
    resources = [aws_sqs_queue.readings.arn]
  }

  dynamic "statement" {
    for_each = each.key == "compacter" ? [] : [1]
    content {
      sid       = "Send"
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.readings.arn]
    }
  }

  dynamic "statement" {
    for_each = each.key == "consumer" ? [1] : []
    content {
      sid       = "Receive"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:TagQueue"]
      resources = [aws_sqs_queue.readings.arn]
    }
  }

  dynamic "statement" {
    for_each = each.key == "consumer" ? [1] : []
    content {
      sid       = "Adopt"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
      resources = [aws_sqs_queue.dead.arn]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == "" ? [] : [1]
    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.kms_key_arn]
    }
  }
}

resource "aws_iam_role" "part" {
  for_each           = local.parts
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "part" {
  for_each = local.parts
  name     = "hrm"
  role     = aws_iam_role.part[each.key].id
  policy   = data.aws_iam_policy_document.part[each.key].json
}

# By this one ECS itself pulls the image, reads the secret and writes logs.
resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

data "aws_iam_policy_document" "secret" {
  count = var.keys_secret_arn == "" ? 0 : 1
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.keys_secret_arn]
  }
}

resource "aws_iam_role_policy" "secret" {
  count  = var.keys_secret_arn == "" ? 0 : 1
  name   = "keys"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.secret[0].json
}
